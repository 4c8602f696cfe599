"""Newsfold under fire: real processes on real servers, killed at random, and afterwards everything must add up.

    make chaos                                                    # 10,000 files, some ten minutes, then the proofs
    make chaos ARGS='--only fire --files 1000 --worker-kills 8 --seed 7'      # or python -m tests.chaos --help

Files are dropped in portions; after each comes one blow, drawn from a seeded shuffle: a whole worker process tree
killed with -9 (and started again, as a supervisor would), Redis killed and started empty, PostgreSQL killed and
recovered, or FLUSHALL. When every file has reached its end, the databases must hold what a clean serial
`newsfold ingest` of the same files into SQLite holds: nothing lost, nothing twice, the same export byte for byte.

Then the proofs of `tests.proofs` in full size, each of which can be run alone (`--only`): Redis away 20 times, a file
that kills its worker, twins at up to eight workers, one big file among small ones, and 50 shuffles.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import orjson
import redis
from sqlalchemy import Engine

import migrations
from benchmarks.corpus import generate, given
from models.engine import open_engine
from tests.conduct import exported, opened, rows
from tests.fleet import Fleet, StandstillError, crash_postgres, drop, ended, files_of, lose_redis
from tests.proofs import PROOFS, prove
from tests.servers import PostgresServer, RedisServer, create_database
from worker.inbox import Inbox
from worker.logs import configure_logs
from worker.pipeline import describe

BAD = {"wire/empty.json": b"", "wire/noise.bin": bytes(range(256)) * 20}
"""Files that must fail, and harm nothing."""
STANDSTILL = 150.0
"""Seconds without a file reaching its end after which the run has failed."""


@dataclass(frozen=True, slots=True)
class Blows:
    """What happens during a run, and how much is at stake."""

    files: int = 300
    workers: int = 4
    worker_kills: int = 4
    redis_kills: int = 1
    postgres_crashes: int = 1
    flushes: int = 0
    pause: float = 1.0
    """Mean seconds between blows."""
    seed: int = 1

    def shuffled(self, rng: Random) -> list[str]:
        """The blows, in the order in which they fall."""
        blows = (
            ["worker"] * self.worker_kills
            + ["redis"] * self.redis_kills
            + ["postgres"] * self.postgres_crashes
            + ["flush"] * self.flushes
        )
        rng.shuffle(blows)
        return blows


# --- the files ----------------------------------------------------------------------------------------------------


def write_files(folder: Path, count: int, seed: int) -> list[Path]:
    """Write `count` files of one article each below `folder`, three in ten exact copies by another outlet.

    The families are those of `benchmarks.corpus`. Every third article leaves its source to the folder's name.
    Returns the paths relative to `folder`, in a random order, bad ones among them.
    """
    rng = Random(seed)
    distinct = [given(record) for record in islice(generate(count * 7 // 10, seed), count * 7 // 10)]
    told = list(distinct)
    for number in range(count - len(distinct)):
        copied = rng.choice(distinct)
        told.append(copied | {"id": f"copy-{number}", "source": f"Second Desk {number % 9}", "url": None})
    paths = []
    for number, record in enumerate(told):
        path = Path(record["source"].lower().replace(" ", "-")) / f"{number:05d}.json"
        if number % 3 == 0:
            del record["source"]
        _write(folder / path, orjson.dumps(record))
        paths.append(path)
    for name, content in BAD.items():
        _write(folder / name, content)
        paths.append(Path(name))
    rng.shuffle(paths)
    return paths


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


# --- the run ------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Chaos:
    """One run: what is dropped, who works on it, what befalls them, and what was seen."""

    blows: Blows
    folder: Path
    postgres: PostgresServer
    redis: RedisServer
    longest: float = 0.0
    """Longest time without a file reaching its end, in seconds."""
    seconds: float = 0.0

    def run(self) -> list[str]:
        """Do it, and return what is wrong afterwards: nothing, one hopes."""
        source = self.folder / "files"
        paths = write_files(source, self.blows.files, self.blows.seed)
        clean = serial(source, f"sqlite:///{self.folder / 'clean.db'}")
        inbox = Inbox(self.folder / "inbox")
        inbox.create()
        database_url = create_database(self.postgres.url())
        engine = open_engine(database_url)
        migrations.upgrade(engine)
        logs = self.folder / "logs"
        logs.mkdir()
        started = time.monotonic()
        with Fleet(inbox, database_url, self.redis.url(), logs, self.blows.workers) as fleet:
            try:
                self._strike(fleet, source, paths)
                self._drain(fleet, len(paths))
            except StandstillError as error:
                return [str(error), fleet.said()]
            finally:
                self.seconds = time.monotonic() - started
        wrong = check(inbox, engine, paths, clean)
        (self.folder / "clean.jsonl").write_bytes(clean.export)
        (self.folder / "under-fire.jsonl").write_bytes(exported(engine))
        engine.dispose()
        return wrong

    def _strike(self, fleet: Fleet, source: Path, paths: Sequence[Path]) -> None:
        rng = Random(self.blows.seed)
        blows = self.blows.shuffled(rng)
        size = -(-len(paths) // (len(blows) + 1))
        fleet.wait(0.0)
        for number, start in enumerate(range(0, len(paths), size)):
            drop(source, fleet.inbox, paths[start : start + size])
            fleet.wait(rng.uniform(0.2, 1.8) * self.blows.pause)
            if number < len(blows):
                self._blow(fleet, blows[number], rng)

    def _blow(self, fleet: Fleet, kind: str, rng: Random) -> None:
        if kind == "worker":
            fleet.kill(rng.choice([name for name in fleet.processes if name != "watch"]))
        elif kind == "redis":
            lose_redis(self.redis, rng.uniform(0.1, 3.0))
        elif kind == "postgres":
            crash_postgres(self.postgres, rng.uniform(0.1, 3.0))
        else:
            with redis.Redis.from_url(self.redis.url()) as client:
                client.flushall()

    def _drain(self, fleet: Fleet, files: int) -> None:
        """Wait until every file has reached its end, as long as some do."""
        seen, since = -1, time.monotonic()
        while (now := ended(fleet.inbox)) < files or any(fleet.inbox.processing.iterdir()):
            if now != seen:
                seen, since = now, time.monotonic()
            still = time.monotonic() - since
            self.longest = max(self.longest, still)
            if still > STANDSTILL:
                raise StandstillError(f"{seen} of {files} files at their end, and no more in {still:.0f} s")
            fleet.wait(0.2)


# --- the reckoning ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Clean:
    """What a serial run without any blow gives."""

    export: bytes
    articles: int


def serial(source: Path, url: str) -> Clean:
    """Ingest the files one after the other into `url`, as `newsfold ingest` does."""
    with opened(url) as (engine, pipe):
        files = sorted(files_of(source))
        for start in range(0, len(files), 200):
            drops = [describe(source / path, str(path), path.parts[0]) for path in files[start : start + 200]]
            for _ in pipe.ingest(drops):
                pass
        (count,) = rows(engine, "SELECT count(*) AS articles FROM articles")
        return Clean(exported(engine), count["articles"])


def check(inbox: Inbox, engine: Engine, paths: Sequence[Path], clean: Clean) -> list[str]:
    """Compare everything with what was dropped and with the clean run; say what is wrong."""
    wrong = []
    dropped = Counter(map(str, paths))
    done = Counter(str(Path(*path.parts[1:])) for path in files_of(inbox.done))
    failed = Counter(map(str, files_of(inbox.failed)))
    if lost := dropped - done - failed:
        wrong.append(f"{lost.total()} files lost: {sorted(lost)[:5]}")
    if more := done + failed - dropped:
        wrong.append(f"{more.total()} files that nobody dropped: {sorted(more)[:5]}")
    if set(failed) != set(BAD):
        wrong.append(f"failed: {sorted(failed)[:10]} instead of {sorted(BAD)}")
        wrong += [str(row) for row in rows(engine, "SELECT path, error FROM deliveries WHERE state = 'failed'")]
    wrong += _check_ledger(engine, dropped, clean.articles)
    stories = exported(engine)
    if stories != clean.export:
        one, two = set(stories.splitlines()), set(clean.export.splitlines())
        wrong.append(f"the export differs: {len(one - two)} stories of {len(one)} are not among the clean {len(two)}")
    return wrong


def _check_ledger(engine: Engine, dropped: Counter[str], articles: int) -> Iterator[str]:
    ledger = rows(engine, "SELECT path, state, received, new, duplicate, rejected FROM deliveries")
    if Counter(row["path"] for row in ledger) != dropped:
        yield f"the ledger has {len(ledger)} rows for {dropped.total()} files"
    off = [row for row in ledger if row["state"] == "received" or
           row["received"] != row["new"] + row["duplicate"] + row["rejected"]]  # fmt: skip
    if off:
        yield f"{len(off)} files do not add up: {off[:3]}"
    new, received = (sum(row[name] for row in ledger) for name in ("new", "received"))
    if (new, received) != (articles, dropped.total() - len(BAD)):
        yield f"{received} records received and {new} new, instead of {dropped.total() - len(BAD)} and {articles}"
    for name, query in {
        "articles": "SELECT count(*) AS n FROM articles",
        "members": "SELECT count(*) AS n FROM story_members",
        "distinct members": "SELECT count(DISTINCT article_id) AS n FROM story_members",
    }.items():
        (row,) = rows(engine, query)
        if row["n"] != articles:
            yield f"{row['n']} {name} instead of {articles}"
    (row,) = rows(engine, "SELECT count(*) AS n FROM texts WHERE NOT linked")
    if row["n"]:
        yield f"{row['n']} texts never linked"


# --- by itself ----------------------------------------------------------------------------------------------------


@contextmanager
def servers(folder: Path) -> Iterator[tuple[PostgresServer, RedisServer]]:
    """A PostgreSQL and a Redis of our own."""
    postgres, broker = PostgresServer(folder / "postgres"), RedisServer(folder / "redis")
    try:
        postgres.start()
        broker.start()
        yield postgres, broker
    finally:
        broker.stop()
        postgres.stop()


def main() -> int:
    """Run what is asked for and print what was seen; exit code 1 if anything is wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_logs()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Blows(10_000, 4, 50, 5, 3, 1, pause=3.0)
    for name in Blows.__slots__:
        value: Any = getattr(default, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--only", choices=("fire", *PROOFS), action="append", help="Run this alone; may be repeated.")
    parser.add_argument("--articles", type=Path, help="JSON lines to shuffle, instead of articles made up.")
    parser.add_argument("--keep", type=Path, help="Leave logs, databases and files in this (new) folder.")
    asked = vars(parser.parse_args())
    keep, only, articles = (asked.pop(name) for name in ("keep", "only", "articles"))
    folder = keep or Path(tempfile.mkdtemp(prefix="newsfold-chaos-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    blows = Blows(**asked)
    wrong = []
    try:
        for name in only or ("fire", *PROOFS):
            began = time.monotonic()
            place = folder / name
            place.mkdir()
            place.chmod(0o711)
            with servers(place) as (postgres, broker):
                if name == "fire":
                    found = fire(blows, place, postgres, broker)
                else:
                    found = prove(name, place / "proof", postgres, broker, blows.seed, articles)
            said = "\n".join(found) if found else "as it should be"
            print(f"{name}: {time.monotonic() - began:.0f} s, {said}", flush=True)
            wrong += found
    finally:
        if keep is None:
            shutil.rmtree(folder)
    return 1 if wrong else 0


def fire(blows: Blows, folder: Path, postgres: PostgresServer, broker: RedisServer) -> list[str]:
    """Files under fire, and what is wrong afterwards."""
    print(blows, flush=True)
    chaos = Chaos(blows, folder, postgres, broker)
    wrong = chaos.run()
    print(f"{chaos.seconds:.0f} s under fire, longest standstill {chaos.longest:.0f} s")
    return wrong


if __name__ == "__main__":
    sys.exit(main())
