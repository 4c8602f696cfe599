"""Newsfold under fire: real processes on real servers, killed at random, and afterwards everything must add up.

    make chaos                                                    # 10,000 files, some ten minutes
    make chaos ARGS='--files 1000 --worker-kills 8 --seed 7'      # or python -m tests.chaos --help

Files are dropped in portions; after each comes one blow, drawn from a seeded shuffle: a whole worker process tree
killed with -9 (and started again, as a supervisor would), Redis killed and started empty, PostgreSQL killed and
recovered, or FLUSHALL. When every file has reached its end, the databases must hold what a clean serial
`newsfold ingest` of the same files into SQLite holds: nothing lost, nothing twice, the same export byte for byte.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any, Self

import orjson
import redis
from sqlalchemy import Engine

import migrations
from benchmarks.corpus import generate, given
from models.engine import open_engine
from tests.conduct import exported, opened, rows
from tests.servers import PostgresServer, RedisServer, create_database
from worker.inbox import Inbox
from worker.logs import configure_logs
from worker.pipeline import describe

COMMAND = Path(sys.executable).with_name("newsfold")
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


# --- the processes ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Fleet:
    """One watcher and some workers as processes of their own, started again when they end, as a supervisor does."""

    inbox: Inbox
    database_url: str
    broker_url: str
    logs: Path
    workers: int = 4
    extra: dict[str, str] = field(default_factory=dict)
    """Environment variables beside newsfold's settings."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.tend()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)

    def names(self) -> list[str]:
        """The processes there should be."""
        return ["watch", *(f"worker-{number}" for number in range(self.workers))]

    def tend(self) -> None:
        """Start what is not running."""
        for name in self.names():
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                self.start(name)

    def start(self, name: str) -> subprocess.Popen[bytes]:
        """Start one, in a session of its own."""
        command = ["watch"] if name == "watch" else ["worker", "--concurrency", "1"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSFOLD_")} | {
            "NEWSFOLD_DATABASE_URL": self.database_url,
            "NEWSFOLD_BROKER_URL": self.broker_url,
            "NEWSFOLD_INBOX": str(self.inbox.root),
            "NEWSFOLD_SETTLE": "0.2",
            **self.extra,
        }
        with (self.logs / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [str(COMMAND), *command], env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.logs, start_new_session=True,
            )  # fmt: skip
        self.processes[name] = process
        return process

    def kill(self, name: str) -> None:
        """Kill a whole process tree with -9."""
        process = self.processes.pop(name)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def said(self, characters: int = 3000) -> str:
        """The ends of the logs."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-characters:]}" for log in sorted(self.logs.glob("*.log")))


def lose_redis(server: RedisServer, away: float) -> None:
    """Kill Redis, lose all it knew, and start it again after `away` seconds."""
    server.kill()
    shutil.rmtree(server.folder / "appendonlydir", ignore_errors=True)
    time.sleep(away)
    server.start()


def crash_postgres(server: PostgresServer, away: float) -> None:
    """Kill PostgreSQL and start it again after `away` seconds; it recovers what was committed."""
    server.kill()
    time.sleep(away)
    server.start()


# --- the run ------------------------------------------------------------------------------------------------------


class StandstillError(Exception):
    """Files stopped reaching their end."""


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
        self._wait(fleet, 0.0)
        for number, start in enumerate(range(0, len(paths), size)):
            drop(source, fleet.inbox, paths[start : start + size])
            self._wait(fleet, rng.uniform(0.2, 1.8) * self.blows.pause)
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

    def _wait(self, fleet: Fleet, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            fleet.tend()
            time.sleep(0.05)
        fleet.tend()

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
            self._wait(fleet, 0.2)


def drop(source: Path, inbox: Inbox, paths: Sequence[Path]) -> None:
    """Drop files as a careful sender does: copied under a hidden name, then renamed."""
    for path in paths:
        target = inbox.incoming / path
        target.parent.mkdir(parents=True, exist_ok=True)
        hidden = target.with_name(f".{target.name}")
        shutil.copyfile(source / path, hidden)
        hidden.rename(target)


def files_of(folder: Path) -> Iterator[Path]:
    """The files below a folder, relative to it, without the reports beside failed ones."""
    for place, _, names in os.walk(folder):
        yield from ((Path(place) / name).relative_to(folder) for name in names if not name.endswith(".error.json"))


def ended(inbox: Inbox) -> int:
    """How many files have reached their end."""
    return sum(1 for folder in (inbox.done, inbox.failed) for _ in files_of(folder))


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
    """Run once per seed and print what was seen; exit code 1 if anything is wrong."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    configure_logs()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Blows(10_000, 4, 50, 5, 3, 1, pause=3.0)
    for name in Blows.__slots__:
        value: Any = getattr(default, name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    parser.add_argument("--keep", type=Path, help="Leave logs, databases and files in this (new) folder.")
    given_ = vars(parser.parse_args())
    keep: Path | None = given_.pop("keep")
    folder = keep or Path(tempfile.mkdtemp(prefix="newsfold-chaos-"))
    folder.mkdir(exist_ok=True)
    folder.chmod(0o711)
    blows = Blows(**given_)
    print(blows, flush=True)
    try:
        with servers(folder) as (postgres, broker):
            chaos = Chaos(blows, folder, postgres, broker)
            wrong = chaos.run()
    finally:
        if keep is None:
            shutil.rmtree(folder)
    print(f"{chaos.seconds:.0f} s under fire, longest standstill {chaos.longest:.0f} s")
    print("\n".join(wrong) if wrong else "nothing lost, nothing twice, same stories as the clean serial run")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
