"""`newsfold run` as people use it: a process, an inbox, and somebody who pulls the plug."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import orjson
import pytest

from models.engine import open_engine
from tests.conduct import records, rows
from tests.test_pipeline import family
from worker.inbox import Inbox

COMMAND = Path(sys.executable).with_name("newsfold")
PATIENCE = 120.0


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    """An inbox with its folders."""
    made = Inbox(tmp_path / "inbox")
    made.create()
    return made


@contextmanager
def running(box: Inbox, url: str) -> Iterator[subprocess.Popen[bytes]]:
    """`newsfold run` on this inbox and database; killed at the end if it still runs."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSFOLD_")}
    environment |= {"NEWSFOLD_INBOX": str(box.root), "NEWSFOLD_DATABASE_URL": url, "NEWSFOLD_SETTLE": "0.2"}
    with (box.root.parent / "run.log").open("ab") as log:
        process = subprocess.Popen([COMMAND, "run"], env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def drop_all(box: Inbox) -> int:
    """Drop 120 small files of several outlets and two that are no news; return how many."""
    told = [record for number in range(15) for record in family(number)] + records(range(100, 160))
    for number, record in enumerate(told):
        folder = box.incoming / f"outlet-{number % 7}"
        folder.mkdir(exist_ok=True)
        hidden = folder / f".{number}.json.tmp"
        hidden.write_bytes(orjson.dumps(record))
        hidden.rename(folder / f"{number}.json")
    (box.incoming / "outlet-1" / "empty.json").touch()
    (box.incoming / "junk.bin").write_bytes(bytes(range(256)) * 20)
    return len(told)


def ended(box: Inbox) -> int:
    """How many files have reached their end."""
    files = [path for folder in (box.done, box.failed) for path in folder.rglob("*") if path.is_file()]
    return sum(1 for path in files if not path.name.endswith(".error.json"))


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
    assert ended(box) == articles + 2
    assert sorted(path.name for path in box.failed.rglob("*.error.json")) == [
        "empty.json.error.json",
        "junk.bin.error.json",
    ]
    members = rows(engine, "SELECT article_id, external_id FROM story_members")
    assert len(members) == len({row["external_id"] for row in members}) == articles
    (ledger,) = rows(
        engine,
        "SELECT count(*) AS files, sum(received) AS received, sum(new) AS new, sum(duplicate) AS duplicate "
        "FROM deliveries WHERE received = new + duplicate + rejected AND state <> 'received'",
    )
    assert ledger == {"files": articles + 2, "received": articles, "new": articles, "duplicate": 0}
    engine.dispose()


def test_files_dropped_while_it_runs_end_in_done_and_it_stops_when_asked(box: Inbox, sqlite_url: str) -> None:
    with running(box, sqlite_url) as process:
        articles = drop_all(box)
        wait_for(lambda: ended(box) >= articles + 2, box)
        process.terminate()
        assert process.wait(30) == 0
    check(box, sqlite_url, articles)


def test_killed_again_and_again_it_loses_and_doubles_nothing(box: Inbox, sqlite_url: str) -> None:
    articles = drop_all(box)
    for kill in range(4):
        with running(box, sqlite_url):
            reached = ended(box) + 1 + 20 * kill
            wait_for(lambda reached=reached: ended(box) >= min(reached, articles + 2), box)  # type: ignore[misc]
    with running(box, sqlite_url):
        wait_for(lambda: ended(box) >= articles + 2 and not any(box.processing.iterdir()), box)
    check(box, sqlite_url, articles)


def test_a_second_run_on_the_same_inbox_is_refused(box: Inbox, sqlite_url: str) -> None:
    with running(box, sqlite_url):
        wait_for(lambda: "watching" in (box.root.parent / "run.log").read_text(), box)
        with running(box, sqlite_url) as second:
            assert second.wait(60) == 2
    assert "another `newsfold run`" in (box.root.parent / "run.log").read_text()
