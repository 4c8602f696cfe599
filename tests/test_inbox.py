"""The inbox keeps the conventions people know, and never loses or overwrites a file."""

import errno
import json
import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from worker import inbox as boxes
from worker.inbox import Inbox

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)


@pytest.fixture
def box(tmp_path: Path) -> Inbox:
    """An empty inbox."""
    made = Inbox(tmp_path / "inbox")
    made.create()
    return made


def drop(box: Inbox, name: str, content: str = "news", age: float = 5.0) -> Path:
    """Drop a file that was last written `age` seconds ago."""
    path = box.incoming / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    os.utime(path, (time.time() - age, time.time() - age))
    return path


def names(box: Inbox, settle: float = 1.0) -> list[str]:
    """What counts as complete."""
    return [str(path.relative_to(box.incoming)) for path, _ in boxes.complete(box, settle)]


def test_a_file_counts_once_it_has_rested(box: Inbox) -> None:
    drop(box, "wire/old.txt")
    drop(box, "wire/being-written.txt", age=0.0)
    assert names(box) == ["wire/old.txt"]
    assert names(box, settle=0.0) == ["wire/being-written.txt", "wire/old.txt"]


def test_what_desktops_and_uploads_leave_is_left_alone(box: Inbox) -> None:
    for name in (".hidden", "a.tmp", "b.part", "c.filepart", "Thumbs.db", ".DS_Store", "~$draft.docx", ".sync/x.txt"):
        drop(box, name)
    drop(box, "kept.txt")
    assert names(box) == ["kept.txt"]


def test_links_pipes_and_what_they_lead_to_are_left_alone(box: Inbox, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("not for here")
    (box.incoming / "link.txt").symlink_to(tmp_path / "secret.txt")
    (box.incoming / "folder").symlink_to(tmp_path)
    os.mkfifo(box.incoming / "pipe.txt")
    assert names(box, settle=0.0) == []


def test_a_claim_moves_files_whole_and_a_second_claim_gets_nothing(box: Inbox) -> None:
    path = drop(box, "wire/deep/a.txt")
    batch = boxes.claim(box, [path])
    assert batch is not None
    assert [str(relative) for _, relative in boxes.batch_files(box, batch)] == ["wire/deep/a.txt"]
    assert not path.exists()
    assert boxes.claim(box, [path]) is None
    assert boxes.claimed_batches(box) == [batch]


def test_small_files_share_a_batch_and_a_big_one_has_its_own() -> None:
    files = [(Path(f"{n}"), size) for n, size in enumerate([10, 10, boxes.BATCH_BYTES, 10, *[1] * 300])]
    cut = [len(batch) for batch in boxes.batches(files)]
    assert cut == [2, 1, 250, 51]


def test_the_more_files_wait_the_more_share_a_batch_and_the_last_ones_are_small_again() -> None:
    cut = [len(batch) for batch in boxes.batches([(Path(f"{n}"), 1) for n in range(20_000)])]
    assert sum(cut) == 20_000
    assert cut == sorted(cut, reverse=True)
    assert (cut[0], cut[-2]) == (1_000, 250)


def test_a_finished_file_lies_under_its_day_and_nothing_is_left_of_its_batch(box: Inbox) -> None:
    batch = boxes.claim(box, [drop(box, "wire/a.txt")])
    assert batch is not None
    ((file, relative),) = boxes.batch_files(box, batch)
    boxes.finish(box, file, relative, None, NOW)
    boxes.clear(box, batch)
    assert (box.done / "2026-05-04" / "wire" / "a.txt").read_text() == "news"
    assert list(box.processing.iterdir()) == []


def test_where_there_are_no_hard_links_files_find_their_end_too(box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    for content in ("first", "second"):
        batch = boxes.claim(box, [drop(box, "wire/a.txt", content)])
        assert batch is not None
        ((file, relative),) = boxes.batch_files(box, batch)
        boxes.finish(box, file, relative, None, NOW)
    assert sorted(path.read_text() for path in (box.done / "2026-05-04" / "wire").iterdir()) == ["first", "second"]


def test_nothing_in_done_is_ever_overwritten(box: Inbox) -> None:
    for content in ("first", "second", "third"):
        batch = boxes.claim(box, [drop(box, "wire/a.txt", content)])
        assert batch is not None
        ((file, relative),) = boxes.batch_files(box, batch)
        boxes.finish(box, file, relative, None, NOW)
    day = box.done / "2026-05-04" / "wire"
    assert sorted(path.read_text() for path in day.iterdir()) == ["first", "second", "third"]
    assert (day / "a.txt").read_text() == "first"


def test_a_failed_file_has_its_reason_beside_it_and_can_go_back(box: Inbox) -> None:
    batch = boxes.claim(box, [drop(box, "wire/a.txt")])
    assert batch is not None
    ((file, relative),) = boxes.batch_files(box, batch)
    boxes.finish(box, file, relative, "empty file", NOW)
    failed = box.failed / "wire" / "a.txt"
    report = json.loads((box.failed / "wire" / "a.txt.error.json").read_text())
    assert report == {"file": "wire/a.txt", "error": "empty file", "failed_at": NOW.isoformat()}
    boxes.give_back(box, failed)
    assert [path.name for path in box.failed.rglob("*") if path.is_file()] == []
    assert (box.incoming / "wire" / "a.txt").read_text() == "news"


def test_dying_between_the_two_names_of_a_move_leaves_one_file(box: Inbox) -> None:
    batch = boxes.claim(box, [drop(box, "wire/a.txt")])
    assert batch is not None
    ((file, relative),) = boxes.batch_files(box, batch)
    end = box.done / "2026-05-04" / relative
    end.parent.mkdir(parents=True)
    os.link(file, end)
    boxes.finish(box, file, relative, None, NOW)
    assert [path.read_text() for path in box.done.rglob("*.txt")] == ["news"]
    assert not file.exists()


@pytest.mark.parametrize("name", [b"caf\xe9.txt", b"new\nline.txt", b"-rf.txt", b"x" * 251 + b".txt"])
def test_any_name_a_file_system_takes_goes_all_the_way(box: Inbox, name: bytes) -> None:
    path = Path(os.fsdecode(name))
    (box.incoming / path).write_text("news")
    for _ in range(2):
        (box.incoming / path).write_text("news")
        batch = boxes.claim(box, [box.incoming / path])
        assert batch is not None
        ((file, relative),) = boxes.batch_files(box, batch)
        assert boxes.printable(relative).isprintable()
        boxes.finish(box, file, relative, "no", NOW)
    assert len([end for end in box.failed.iterdir() if not end.name.endswith(".error.json")]) == 2
