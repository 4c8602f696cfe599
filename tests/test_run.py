"""`newsfold run` as people use it: a process, an inbox, and somebody who pulls the plug."""

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from models.engine import open_engine
from tests.conduct import records, rows
from tests.fleet import ended, kill, put, start
from tests.test_pipeline import family
from worker.inbox import Inbox

PATIENCE = 120.0
BIG = 600
"""Articles of the big file: more than are worked off in one go."""


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    """An inbox with its folders."""
    made = Inbox(tmp_path / "inbox")
    made.create()
    return made


@contextmanager
def running(box: Inbox, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`newsfold run` on this inbox and database; killed at the end if it still runs."""
    process = start(["run"], box, url, box.root.parent / "run.log")
    try:
        yield process
    finally:
        kill(process)


def drop_all(box: Inbox) -> int:
    """Drop 120 small files of several outlets, a big one, and two that are no news; return how many are small."""
    told = [record for number in range(15) for record in family(number)] + records(range(100, 160))
    for number, record in enumerate(told):
        put(box, f"outlet-{number % 7}/{number}.json", orjson.dumps(record))
    put(box, "big.jsonl", b"".join(orjson.dumps(record) + b"\n" for record in records(range(1000, 1000 + BIG))))
    put(box, "outlet-1/empty.json", b"")
    put(box, "junk.bin", bytes(range(256)) * 20)
    return len(told)


def wait_for(reached: Callable[[], bool], box: Inbox) -> None:
    """Wait until `reached`; fail with the end of the log when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail((box.root.parent / "run.log").read_text()[-3000:])
        time.sleep(0.05)


def check(box: Inbox, url: str, articles: int) -> None:
    """Nothing lost, nothing twice, every article in one story, the ledger adds up, failures have reasons."""
    engine = open_engine(url)
    assert [path for folder in (box.incoming, box.processing) for path in folder.rglob("*") if path.is_file()] == []
    assert ended(box) == articles + 3
    assert sorted(path.name for path in box.failed.rglob("*.error.json")) == [
        "empty.json.error.json",
        "junk.bin.error.json",
    ]
    members = rows(engine, "SELECT article_id, external_id FROM story_members")
    assert len(members) == len({row["external_id"] for row in members}) == articles + BIG
    (ledger,) = rows(
        engine,
        "SELECT count(*) AS files, sum(received) AS received, sum(new) AS new, sum(duplicate) AS duplicate "
        "FROM deliveries WHERE received = new + duplicate + rejected AND state <> 'received'",
    )
    assert ledger == {"files": articles + 3, "received": articles + BIG, "new": articles + BIG, "duplicate": 0}
    engine.dispose()


def unsearched(url: str) -> int:
    """How many texts the search is still to be told of."""
    engine = open_engine(url, read_only=True)
    (row,) = rows(engine, "SELECT count(*) AS n FROM unsearched")
    engine.dispose()
    return int(row["n"])


def test_files_dropped_while_it_runs_end_in_done_and_it_stops_when_asked(box: Inbox, sqlite_url: str) -> None:
    with running(box, sqlite_url) as process:
        articles = drop_all(box)
        wait_for(lambda: ended(box) >= articles + 3, box)
        wait_for(lambda: unsearched(sqlite_url) == 0, box)
        process.terminate()
        assert process.wait(30) == 0
    check(box, sqlite_url, articles)


def test_killed_again_and_again_it_loses_and_doubles_nothing(box: Inbox, sqlite_url: str) -> None:
    articles = drop_all(box)
    for death in range(3):
        with running(box, sqlite_url):
            reached = ended(box) + 1 + 20 * death
            wait_for(lambda reached=reached: ended(box) >= min(reached, articles + 3), box)  # type: ignore[misc]
    with running(box, sqlite_url):
        wait_for(lambda: ended(box) >= articles + 3 and not any(box.processing.iterdir()), box)
    check(box, sqlite_url, articles)


def test_a_second_run_on_the_same_inbox_is_refused(box: Inbox, sqlite_url: str) -> None:
    with running(box, sqlite_url):
        wait_for(lambda: "watching" in (box.root.parent / "run.log").read_text(), box)
        with running(box, sqlite_url) as second:
            assert second.wait(60) == 2
    assert "another `newsfold run`" in (box.root.parent / "run.log").read_text()
