"""Proofs on real servers and processes, each in any size: `make chaos` runs them large, `make test` some of them small.

Each returns what is wrong, and prints its figures.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import orjson
from sqlalchemy import Engine

from benchmarks.corpus import generate, given
from models.engine import open_engine
from tests.conduct import edited, exported, ingest, opened, partition, records, report, rows
from tests.fleet import StandstillError, ended, fleet_on, lose_redis, new_inbox, put, put_each
from tests.servers import PostgresServer, RedisServer, create_database
from worker import inbox as boxes
from worker.inbox import Inbox

PATIENCE = 60.0
"""Within so many seconds of a server's return, files must move again."""
DEADLY = (
    "import os, sys\n"
    "if 'worker.commands.consume' in sys.orig_argv:\n"
    "    from worker import pipeline\n"
    "    prepare = pipeline.prepare\n"
    "    def deadly(article, *rest):\n"
    "        return os.kill(os.getpid(), 9) if 'nightshade' in article.text else prepare(article, *rest)\n"
    "    pipeline.prepare = deadly\n"
)
"""A `sitecustomize` under which workers die of a word."""


@contextmanager
def engine_on(url: str) -> Iterator[Engine]:
    """An engine, let go afterwards."""
    engine = open_engine(url)
    try:
        yield engine
    finally:
        engine.dispose()


def ledger(engine: Engine) -> dict[str, int]:
    """The sums over all files."""
    sums = ", ".join(f"sum({name}) AS {name}" for name in ("received", "new", "duplicate", "rejected"))
    (row,) = rows(engine, f"SELECT count(*) AS files, {sums} FROM deliveries WHERE state <> 'received'")
    return {name: int(value or 0) for name, value in row.items()}


def outages(folder: Path, url: str, redis: RedisServer, seconds: Sequence[float]) -> list[str]:
    """Redis goes away again and again, with all it knew; files dropped meanwhile are done soon after each return."""
    inbox, took = new_inbox(folder), []
    with fleet_on(inbox, url, redis.url(), 1) as fleet:
        put_each(inbox, records(range(10)))
        fleet.wait_for(lambda: ended(inbox) == 10, PATIENCE)
        for number, away in enumerate(seconds, 1):
            redis.kill()
            put_each(inbox, records(range(10 * number, 10 * number + 5)))
            time.sleep(away)
            lose_redis(redis, 0.0)
            put_each(inbox, records(range(10 * number + 5, 10 * number + 10)))
            try:
                took.append(
                    fleet.wait_for(lambda number=number: ended(inbox) == 10 * (number + 1), PATIENCE)  # type: ignore[misc]
                )
            except StandstillError as error:
                return [f"after {away} s away: {error}"]
    usual = sorted(took)[len(took) // 2]
    said = f"files done {max(took):.1f} s after its return at the most, usually {usual:.1f} s"
    print(f"Redis away {len(took)} times: {said}")
    return []


def killer(folder: Path, url: str, redis: RedisServer, files: int, workers: int) -> list[str]:
    """A file that kills its worker is in quarantine after three attempts, and all around it are done."""
    inbox = new_inbox(folder)
    (folder / "sitecustomize.py").write_text(DEADLY)
    deadly = {"id": "deadly", "text": "nightshade in the reservoir"}
    put(inbox, "r050-deadly.json", orjson.dumps(deadly))
    put_each(inbox, records(range(files)))
    began = time.monotonic()
    with fleet_on(inbox, url, redis.url(), workers, PYTHONPATH=str(folder)) as fleet:
        fleet.wait_for(lambda: ended(inbox) == files + 1, 300.0)
    failed = sorted(path.name for path in inbox.failed.rglob("*.json"))
    with engine_on(url) as engine:
        found = rows(engine, "SELECT attempts, error FROM deliveries WHERE state = 'failed'")
        done = ledger(engine)
    print(f"a killer among {files} files: all at their end after {time.monotonic() - began:.0f} s; {found}")
    wrong = []
    if failed != ["r050-deadly.json", "r050-deadly.json.error.json"]:
        wrong.append(f"in quarantine: {failed}")
    if [row["attempts"] for row in found] != [3] or "gave up after 3 attempts" not in found[0]["error"]:
        wrong.append(f"the killer: {found}")
    if (done["files"], done["new"]) != (files + 1, files):
        wrong.append(f"the ledger: {done}")
    return wrong


def twins(folder: Path, url: str, redis: RedisServer, pairs: int, workers: int) -> list[str]:
    """Near-duplicates at so many workers at once: each finds its twin, though they arrive in different batches."""
    inbox = new_inbox(folder)
    for start in range(0, pairs, 10):
        for marker in ("left", "right"):
            told = [twin(number, marker) for number in range(start, min(start + 10, pairs))]
            boxes.claim(inbox, put_each(inbox, told))
    began = time.monotonic()
    with fleet_on(inbox, url, redis.url(), workers) as fleet:
        fleet.wait_for(lambda: ended(inbox) == 2 * pairs, 300.0)
    with engine_on(url) as engine:
        found = partition(engine)
    missed = [number for number in range(pairs) if {f"left-{number}", f"right-{number}"} not in found]
    print(
        f"{2 * pairs} twins at {workers} workers: {len(missed)} missed, {time.monotonic() - began:.0f} s with the start"
    )
    return [f"twins that missed each other at {workers} workers: {missed[:10]}"] if missed else []


def twin(number: int, marker: str) -> dict[str, Any]:
    """One of two near-duplicates."""
    text = edited(report(5_000 + number, 200), 40, f"{marker}most")
    when = f"2026-03-{number % 28 + 1:02}T0{8 if marker == 'left' else 9}:00:00Z"
    return {
        "id": f"{marker}-{number}",
        "title": f"Report {number}",
        "text": text,
        "source": marker,
        "published_at": when,
    }


def big(
    folder: Path, url: str, redis: RedisServer, articles: int, workers: int, kills: int, seed: int = 1
) -> list[str]:
    """One big file is worked off by all workers while some are killed, and small files need not wait for it."""
    inbox, rng = new_inbox(folder), Random(seed)
    told = [given(record) for record in islice(generate(articles, seed), articles)]
    content = b"".join(orjson.dumps(record) + b"\n" for record in told)
    (folder / "whole.jsonl").write_bytes(content)
    with opened(f"sqlite:///{folder / 'clean.db'}") as (engine, pipe):
        ingest(pipe, folder / "whole.jsonl")
        for record in records(range(kills + 1)):
            (folder / "small.json").write_text(json.dumps(record))
            ingest(pipe, folder / "small.json")
        clean = exported(engine)
    waits = []
    began = time.monotonic()
    with fleet_on(inbox, url, redis.url(), workers) as fleet, engine_on(url) as engine:
        put(inbox, "whole.jsonl", content)
        progress = "SELECT coalesce(sum(position), 0) AS n FROM deliveries WHERE path = 'whole.jsonl'"
        fleet.wait_for(lambda: rows(engine, progress)[0]["n"] > 0, PATIENCE)
        for number, record in enumerate(records(range(kills + 1))):
            if number:
                fleet.kill(rng.choice([name for name in fleet.processes if name != "watch"]))
            put_each(inbox, [record])
            waits.append(fleet.wait_for(lambda number=number: _small_ended(inbox) > number, 120.0))  # type: ignore[misc]
        early = not (inbox.done.exists() and list(inbox.done.rglob("whole.jsonl")))
        fleet.wait_for(lambda: ended(inbox) == kills + 2 and not any(inbox.processing.iterdir()), 300.0)
        said = f"{articles} articles in one file, {workers} workers, {kills} killed: {time.monotonic() - began:.0f} s"
        late = "" if early else " (the big one was done before)"
        print(f"{said}; small files meanwhile {max(waits):.1f} s at the most{late}")
        return _reckon(engine, inbox, articles, clean)


def _small_ended(inbox: Inbox) -> int:
    return sum(1 for _ in inbox.done.rglob("r*.json"))


def _reckon(engine: Engine, inbox: Inbox, articles: int, clean: bytes) -> list[str]:
    (row,) = rows(engine, "SELECT state, received, new, duplicate, rejected FROM deliveries WHERE path = 'whole.jsonl'")
    wrong = []
    if (row["state"], row["received"]) != ("done", articles) or row["new"] + row["duplicate"] != articles:
        wrong.append(f"the ledger: {row}")
    if exported(engine) != clean:
        wrong.append("the export differs from that of a clean serial run")
    if any(inbox.processing.iterdir()) or rows(engine, "SELECT * FROM parts"):
        wrong.append("something is left of the batch")
    return wrong


def shuffles(folder: Path, times: int, articles: int, seed: int = 1, file: Path | None = None) -> list[str]:
    """The same articles in any order, in any portions: one export. `file`: JSON lines instead of made-up articles."""
    if file is not None:
        told = file.read_bytes().splitlines(keepends=True)[:articles]
    else:
        told = [orjson.dumps(given(record)) + b"\n" for record in islice(generate(articles, seed), articles)]
    exports = set()
    for number in range(times):
        rng = Random(seed * 1000 + number)
        rng.shuffle(told)
        cut = rng.randrange(1, len(told))
        (folder / "a.jsonl").write_bytes(b"".join(told[:cut]))
        (folder / "b.jsonl").write_bytes(b"".join(told[cut:]))
        database = folder / f"{number}.db"
        with opened(f"sqlite:///{database}") as (engine, pipe):
            ingest(pipe, folder / "a.jsonl", folder / "b.jsonl")
            exports.add(exported(engine))
        for left in folder.glob(f"{database.name}*"):
            left.unlink()
        if len(exports) > 1:
            return [f"shuffle {number} of {articles} articles gives another export"]
    print(f"{times} shuffles of {len(told)} articles: {len(exports)} export")
    return []


def prove(
    name: str, folder: Path, postgres: PostgresServer, redis: RedisServer, seed: int, file: Path | None
) -> list[str]:
    """Run one proof in full size."""
    folder.mkdir()
    url = create_database(postgres.url())
    if name == "redis":
        return outages(folder, url, redis, [*[0.3] * 8, *[3.0] * 8, *[30.0] * 4])
    if name == "killer":
        return killer(folder, url, redis, 1_000, 2)
    if name == "big":
        return big(folder, url, redis, 10_000, 2, 5, seed)
    if name == "shuffles":
        return shuffles(folder, 50, 2_000, seed, file)
    wrong = []
    for workers in (1, 2, 4, 8):
        part = folder / str(workers)
        part.mkdir()
        wrong += twins(part, create_database(postgres.url()), redis, 500, workers)
    return wrong


PROOFS = ("redis", "killer", "twins", "big", "shuffles")
