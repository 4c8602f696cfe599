"""A big file is worked off in parts by whoever is free: same result, exact counts, no record blamed for another."""

import errno
import itertools
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from models.engine import transact
from tests.conduct import exported, ingest, opened, parse_lines_here, records, rows
from worker import app as root
from worker import inbox as boxes
from worker import linking, parts, pipeline, tasks
from worker.commands import doctor
from worker.core.errors import NewsfoldError, ParseError
from worker.inbox import Inbox
from worker.parsing import parse
from worker.sandbox import SandboxError, record_of
from worker.settings import Settings

COUNT = 44
WHOLE: dict[str, bytes] = {}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are big from eight records on, parts have twelve, and are parsed here: a child for each takes its time."""
    monkeypatch.setattr(pipeline, "parse_file", lambda stream, name: (record for record in parse(stream, name)))
    monkeypatch.setattr(parts, "parse_lines", parse_lines_here)
    for module, name, number in ((parts, "HEAD", 8), (parts, "RECORDS", 12), (pipeline, "CHUNK", 8)):
        monkeypatch.setattr(module, name, number)


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inbox:
    """The inbox that the tasks work on."""
    made = Inbox(tmp_path / "inbox")
    made.create()
    monkeypatch.setattr(root, "inbox", made)
    return made


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent, instead of sending it."""
    batches: list[str] = []
    monkeypatch.setattr(tasks.ingest, "delay", batches.append)
    monkeypatch.setattr(root, "queue_length", lambda: len(batches))
    return batches


def lines(numbers: range = range(COUNT)) -> str:
    return "".join(json.dumps(record) + "\n" for record in records(numbers))


def claimed(box: Inbox, content: str = "") -> str:
    """A claimed batch of one big file."""
    (box.incoming / "big.jsonl").write_text(content or lines())
    batch = boxes.claim(box, [box.incoming / "big.jsonl"])
    assert batch is not None
    return batch


@contextmanager
def at_work(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A database, and the tasks on it."""
    with opened(url) as (engine, pipe):
        monkeypatch.setattr(root, "pipeline", lambda: pipe)
        yield engine


def work_off(batch: str, queue: list[str]) -> None:
    """Do what is sent, one after the other."""
    queue.append(batch)
    while queue:
        tasks.ingest(queue.pop(0))


def whole(tmp_path: Path, content: str) -> bytes:
    """The export of the same file ingested in one go."""
    if content not in WHOLE:
        (tmp_path / "big.jsonl").write_text(content)
        with opened(f"sqlite:///{tmp_path / 'whole.db'}") as (engine, pipe):
            ingest(pipe, tmp_path / "big.jsonl")
            WHOLE[content] = exported(engine)
    return WHOLE[content]


def ledger(engine: Any) -> dict[str, Any]:
    (row,) = rows(engine, "SELECT state, received, new, duplicate, rejected FROM deliveries")
    return row


def all_done(box: Inbox, engine: Any) -> None:
    """Nothing is left of the batch, in the inbox or in the table of parts."""
    assert list(box.processing.iterdir()) == []
    assert rows(engine, "SELECT * FROM parts") == rows(engine, "SELECT * FROM link_attempts") == []


def test_parts_give_what_the_whole_gives(
    box: Inbox, queue: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = lines() + "{broken\n" + lines(range(5)).replace('"title": "', '"title": "Again: ')
    with at_work(database_url, monkeypatch) as engine:
        work_off(claimed(box, content), queue)
        assert ledger(engine) == {"state": "done", "received": 50, "new": 49, "duplicate": 0, "rejected": 1}
        assert rows(engine, "SELECT record FROM rejections") == [{"record": 45}]
        assert exported(engine) == whole(tmp_path, content)
        all_done(box, engine)
    assert [path.name for path in box.done.rglob("*.jsonl")] == ["big.jsonl"]


def test_several_workers_share_one_file(
    box: Inbox, queue: list[str], database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = claimed(box)
    by_thread: dict[int, int] = {}
    original = parts.work

    def noted(*args: Any) -> bool:
        by_thread[threading.get_ident()] = by_thread.get(threading.get_ident(), 0) + 1
        return original(*args)

    monkeypatch.setattr(parts, "work", noted)
    with at_work(database_url, monkeypatch) as engine:
        tasks.ingest(batch)
        failures: list[BaseException] = []

        def help_() -> None:
            try:
                while (boxes.Inbox(box.root).processing / batch).exists():
                    tasks.ingest(batch)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=help_) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not failures
        assert len(by_thread) >= 2
        assert ledger(engine) == {"state": "done", "received": COUNT, "new": COUNT, "duplicate": 0, "rejected": 0}
        assert exported(engine) == whole(tmp_path, lines())
        all_done(box, engine)


@pytest.mark.parametrize("harm", ["all gone", "gone", "cut", "zeros"])
def test_a_lost_or_broken_spool_costs_reading_the_file_again_and_nothing_else(
    box: Inbox, queue: list[str], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    batch = claimed(box)
    with at_work(sqlite_url, monkeypatch) as engine:
        tasks.ingest(batch)
        spools = sorted((box.processing / batch / boxes.PARTS).glob("*.jsonl"))
        assert len(spools) == 2
        if harm == "all gone":
            shutil.rmtree(box.processing / batch / boxes.PARTS)
        for spool in spools if harm != "all gone" else ():
            size = spool.stat().st_size
            if harm == "gone":
                spool.unlink()
            else:
                os.truncate(spool, size // 2 if harm == "cut" else 0)
                os.truncate(spool, size if harm == "zeros" else size // 2)
        work_off(batch, queue)
        assert ledger(engine)["new"] == COUNT
        assert exported(engine) == whole(tmp_path, lines())
        all_done(box, engine)


def test_a_record_that_kills_its_worker_costs_itself_and_no_other(
    box: Inbox, queue: list[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = pipeline.prepare

    def deadly(article: Any, *rest: Any) -> Any:
        if article.external_id in ("r20", "r21"):
            raise KeyboardInterrupt  # stands for a death that no `except Exception` sees
        return prepare(article, *rest)

    monkeypatch.setattr(pipeline, "prepare", deadly)
    batch, deaths = claimed(box), 0
    with at_work(sqlite_url, monkeypatch) as engine:
        while any(box.processing.iterdir()) and deaths < 20:
            try:
                work_off(batch, queue)
            except KeyboardInterrupt:
                deaths += 1
        assert deaths == 6
        expected = {"state": "failed", "received": COUNT, "new": COUNT - 2, "duplicate": 0, "rejected": 2}
        assert ledger(engine) == expected
        reasons = rows(engine, "SELECT record, reason FROM rejections ORDER BY record")
        assert [row["record"] for row in reasons] == [21, 22]
        assert all("gave up after 3 attempts" in row["reason"] for row in reasons)
        (row,) = rows(engine, "SELECT error FROM deliveries")
        assert row["error"].startswith("gave up after 3 attempts at 2 of its records")
        all_done(box, engine)
    assert (box.failed / "big.jsonl.error.json").exists()


def test_a_record_that_will_not_store_is_rejected_alone(
    box: Inbox, queue: list[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = pipeline.prepare

    def refuses(article: Any, *rest: Any) -> Any:
        if article.external_id == "r30":
            raise ValueError("this one I do not like")
        return prepare(article, *rest)

    monkeypatch.setattr(pipeline, "prepare", refuses)
    with at_work(sqlite_url, monkeypatch) as engine:
        work_off(claimed(box), queue)
        assert ledger(engine) == {
            "state": "done", "received": COUNT, "new": COUNT - 1, "duplicate": 0, "rejected": 1
        }  # fmt: skip
        all_done(box, engine)


def test_records_that_were_spooled_as_nonsense_are_rejected_and_the_others_stored(
    box: Inbox, queue: list[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines are spooled unread: that one is no record is found where it is worked on, and when the file is reread."""

    def babble(stream: Any, name: str) -> Iterator[bytes]:
        yield from itertools.islice(parse_lines_here(stream, name), 40)
        yield b"[1, 2]\n"

    def reread(stream: Any, name: str) -> Iterator[Any]:
        return (record_of(line)[1] for line in babble(stream, name))

    monkeypatch.setattr(parts, "parse_lines", babble)
    monkeypatch.setattr(pipeline, "parse_file", reread)
    with at_work(sqlite_url, monkeypatch) as engine:
        batch = claimed(box)
        for _ in range(2):  # it may pass
            with pytest.raises(ParseError):
                work_off(batch, queue)
        work_off(batch, queue)
        assert ledger(engine) == {"state": "done", "received": 41, "new": 40, "duplicate": 0, "rejected": 1}
        (row,) = rows(engine, "SELECT record, reason FROM rejections")
        assert row == {"record": 41, "reason": "the parser was stopped: it answered nonsense"}
        all_done(box, engine)


def test_a_file_that_breaks_off_fails_with_what_it_held_before_stored(
    box: Inbox, queue: list[str], sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(stream: Any, name: str) -> Iterator[bytes]:
        yield from parse_lines_here(stream, name)
        raise ParseError(f"{name}: the compressed data is cut off")

    monkeypatch.setattr(parts, "parse_lines", cut)
    with at_work(sqlite_url, monkeypatch) as engine:
        work_off(claimed(box), queue)
        assert ledger(engine) == {"state": "failed", "received": COUNT, "new": COUNT, "duplicate": 0, "rejected": 0}
        all_done(box, engine)


@pytest.mark.parametrize("death", [1, 4, 9, 16, 22])
def test_dying_at_any_transaction_loses_and_doubles_nothing(
    box: Inbox, queue: list[str], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    left = death

    def fused(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left == -1:
                raise KeyboardInterrupt
            return original(*args, **kwargs)

        return call

    batch = claimed(box)
    with at_work(sqlite_url, monkeypatch) as engine:
        for module in (linking, pipeline, parts):
            monkeypatch.setattr(module, "transact", fused(transact))
        with pytest.raises(KeyboardInterrupt):
            work_off(batch, queue)
        work_off(batch, queue)
        assert ledger(engine) == {"state": "done", "received": COUNT, "new": COUNT, "duplicate": 0, "rejected": 0}
        assert exported(engine) == whole(tmp_path, lines())
        all_done(box, engine)


def test_a_text_whose_linking_kills_is_given_up_after_three_attempts_and_the_others_are_linked(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    link = linking.link
    (tmp_path / "some.jsonl").write_text(lines(range(6)))

    def unlinked(engine: Any, *rest: Any) -> None:
        if finish := rest[-1]:  # files are closed all the same
            transact(engine, finish)

    def deadly(engine: Any, text_ids: Any, *rest: Any) -> None:
        if 3 in text_ids:
            raise KeyboardInterrupt
        link(engine, text_ids, *rest)

    with opened(sqlite_url) as (engine, pipe):
        with monkeypatch.context() as patch:
            patch.setattr(linking, "link", unlinked)
            ingest(pipe, tmp_path / "some.jsonl")
        monkeypatch.setattr(linking, "link", deadly)
        deaths = 0
        for _ in range(10):
            with opened(sqlite_url) as (_, again):
                try:
                    again.relink([1, 2, 3, 4, 5, 6])
                except KeyboardInterrupt:
                    deaths += 1
        assert deaths == 3
        assert rows(engine, "SELECT id FROM texts WHERE NOT linked") == [{"id": 3}]
        with pytest.raises(NewsfoldError, match="1 texts are stored and in no story"):
            doctor._stories(Settings(sqlite_url))


def test_no_attempt_is_counted_when_no_parser_can_be_started(
    box: Inbox, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Any) -> Any:
        raise SandboxError("no parser process can be started: out of memory")

    batch = claimed(box)
    with at_work(sqlite_url, monkeypatch) as engine:
        with monkeypatch.context() as patch:
            patch.setattr(pipeline, "parse_file", refused)
            for _ in range(5):
                with pytest.raises(SandboxError):
                    tasks.ingest(batch)
        assert rows(engine, "SELECT state, attempts FROM deliveries") == [{"state": "received", "attempts": 0}]


def test_when_there_is_no_room_for_spools_the_parts_there_are_are_worked_off_and_the_rest_when_there_is(
    box: Inbox, queue: list[str], sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch, write, full = claimed(box), parts._write, True

    def narrow(path: Path, content: Any) -> None:
        if full and path.name.endswith("2.jsonl"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    monkeypatch.setattr(parts, "_write", narrow)
    with at_work(sqlite_url, monkeypatch) as engine:
        for _ in range(5):
            work_off(batch, queue)
        assert rows(engine, "SELECT number, records, position FROM parts") == [
            {"number": 1, "records": 12, "position": 12}
        ]
        full = False
        work_off(batch, queue)
        assert ledger(engine)["new"] == COUNT
        all_done(box, engine)
