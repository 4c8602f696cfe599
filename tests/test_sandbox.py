"""The parser's process: what dies in it takes one file along, and never the worker."""

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.conduct import records, write_jsonl
from worker import sandbox
from worker.core.errors import ParseError
from worker.parsing import parse
from worker.sandbox import SandboxError, parse_file
from worker.settings import Settings, SettingsError

SAMPLES = sorted(path for path in (Path(__file__).parent / "parsing" / "data").iterdir())


@pytest.fixture
def misbehaving(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Parsers that do what the file says."""
    sandbox.close()
    monkeypatch.setattr(sandbox, "_CHILD", Path(__file__).with_name("misbehaving_parser.py"))
    yield
    sandbox.close()


def texts(tmp_path: Path, content: str) -> tuple[list[str], str | None]:
    """The texts of a file's records, and the error that ended them."""
    file = tmp_path / "orders"
    file.write_text(content)
    found: list[str] = []
    with file.open("rb") as stream:
        try:
            found.extend(record.text for record in parse_file(stream, "orders"))
        except ParseError as error:
            return found, str(error)
    return found, None


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.name)
def test_a_file_gives_the_same_records_in_the_child_as_in_process(sample: Path) -> None:
    with sample.open("rb") as stream:
        apart = list(parse_file(stream, sample.name))
    assert apart == list(parse(io.BytesIO(sample.read_bytes()), sample.name))


def test_a_long_file_passes_whole_through_one_child(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "long.jsonl", records(range(3000)))
    with file.open("rb") as stream:
        assert [record.external_id for record in parse_file(stream, "f")] == [f"r{n}" for n in range(3000)]


def test_how_large_a_record_may_be_is_a_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.close()
    monkeypatch.setenv("NEWSFOLD_MAX_RECORD_MB", "1")
    reason = "orders: larger than 1,048,576 bytes, the most one document may have"
    assert texts(tmp_path, "word " * 300_000) == ([], reason)
    sandbox.close()
    with pytest.raises(SettingsError, match="MAX_RECORD_MB must be a number"):
        Settings.from_environment({"NEWSFOLD_MAX_RECORD_MB": "lots"})


def test_the_child_is_kept_for_the_next_file(tmp_path: Path) -> None:
    sandbox.close()
    texts(tmp_path, "a text of several words, enough to be one")
    (first,) = sandbox._idle
    texts(tmp_path, "another text of several words, enough to be one")
    assert sandbox._idle == [first]


@pytest.mark.usefixtures("misbehaving")
@pytest.mark.parametrize(
    ("order", "reason"),
    [
        ("eat", "orders: the parser was stopped: more than 512 MB of memory"),
        ("crash", "orders: the parser was stopped: it crashed (signal 11)"),
        ("abort", "orders: the parser was stopped: it crashed (signal 6)"),
        ("fail", "it is broken here"),
        ("babble", "the parser was stopped: it answered nonsense"),
        ("connect", "orders: the parser failed: PermissionError"),
        ("read:/etc/hostname", "orders: the parser failed: PermissionError"),
        ("write:/tmp/newsfold-was-here", "orders: the parser failed: PermissionError"),
        ("start", "orders: the parser failed: PermissionError"),
    ],
)
def test_a_parser_that_fails_gives_its_reason_keeps_what_it_had_and_harms_no_other_file(
    tmp_path: Path, order: str, reason: str
) -> None:
    assert texts(tmp_path, f"one two {order} three") == (["one", "two"], reason)
    assert texts(tmp_path, "four") == (["four"], None)


@pytest.mark.usefixtures("misbehaving")
def test_a_parser_that_runs_on_is_stopped_by_its_cpu_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "CPU_SECONDS", 0.5)
    reason = "orders: the parser was stopped: more than 0.5 s of CPU time"
    assert texts(tmp_path, "one spin two") == (["one"], reason)


@pytest.mark.usefixtures("misbehaving")
def test_a_parser_that_hangs_is_stopped_by_the_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "PATIENCE", 3.0)
    assert texts(tmp_path, "one sleep:30 two") == (["one"], "orders: the parser was stopped: no answer for 3 s")


@pytest.mark.usefixtures("misbehaving")
def test_a_disk_that_fails_under_the_parser_fails_as_a_disk(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output error"):
        texts(tmp_path, "one disk:5")
    assert texts(tmp_path, "four") == (["four"], None)


@pytest.mark.usefixtures("misbehaving")
def test_the_child_knows_no_setting_and_holds_no_file_but_the_one_it_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSFOLD_DATABASE_URL", "postgresql://user:secret@host/db")
    with (tmp_path / "another").open("w"):
        # its socket, two null devices, the file, and the folder being listed
        assert texts(tmp_path, "reveal") == ([], "[] 5 descriptors")


@pytest.mark.usefixtures("misbehaving")
def test_a_child_killed_from_outside_costs_the_file_nothing(tmp_path: Path) -> None:
    texts(tmp_path, "warm")
    sandbox._idle[0]._process.kill()
    assert texts(tmp_path, "one two") == (["one", "two"], None)
    file = tmp_path / "orders"
    file.write_text("one two sleep:0.5 three four")
    process = sandbox._idle[0]._process
    with file.open("rb") as stream:
        found = []
        for record in parse_file(stream, "orders"):
            found.append(record.text)
            if record.text == "two":
                process.kill()
    assert found == ["one", "two", "three", "four"]


@pytest.mark.usefixtures("misbehaving")
def test_signals_meant_for_the_worker_leave_the_parser_at_work(tmp_path: Path) -> None:
    texts(tmp_path, "warm")
    process = sandbox._idle[0]._process
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        process.send_signal(number)
    assert texts(tmp_path, "one") == (["one"], None)
    assert sandbox._idle[0]._process is process


def test_a_child_that_cannot_start_is_not_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.close()
    monkeypatch.setattr(sandbox, "_CHILD", tmp_path / "nothing-here.py")
    with pytest.raises(SandboxError, match="installed whole"):
        texts(tmp_path, "one")


def test_a_reader_that_walks_off_ends_the_child(tmp_path: Path) -> None:
    file = write_jsonl(tmp_path / "long.jsonl", records(range(500)))
    sandbox.close()
    with file.open("rb") as stream:
        found = parse_file(stream, "f")
        next(found)
        found.close()
    gc.collect()
    assert sandbox._idle == []
    assert not [child for child in psutil.Process().children() if "sandbox_child" in " ".join(child.cmdline())]


def test_threads_have_children_of_their_own(tmp_path: Path) -> None:
    files = [write_jsonl(tmp_path / f"{n}.jsonl", records(range(n * 100, n * 100 + 100))) for n in range(3)]
    found: dict[int, list[str | None]] = {}

    def work(number: int) -> None:
        with files[number].open("rb") as stream:
            found[number] = [record.external_id for record in parse_file(stream, "f")]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [f"r{m}" for m in range(n * 100, n * 100 + 100)] for n in range(3)}


def test_a_forked_process_does_not_use_its_parents_child(tmp_path: Path) -> None:
    """Celery forks: two processes on one socket would read each other's articles."""
    assert texts(tmp_path, "a text of several words, enough to be one")[1] is None
    reader, writer = os.pipe()
    forked = os.fork()
    if not forked:
        os.write(writer, repr((len(sandbox._idle), texts(tmp_path, "a second text of several words"))).encode())
        os._exit(0)
    os.waitpid(forked, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        assert answer.read() == "(0, (['a second text of several words'], None))"
    assert texts(tmp_path, "a third text of several words, enough to be one")[1] is None


@pytest.mark.parametrize("busy", [False, True])
def test_the_child_of_a_killed_parent_ends_as_well(tmp_path: Path, busy: bool) -> None:
    file = write_jsonl(tmp_path / "long.jsonl", records(range(2000 if busy else 2)))
    root = Path(__file__).parents[1]
    code = (
        "import sys, time\nfrom worker import sandbox\nstream = open(sys.argv[1], 'rb')\n"
        "found = sandbox.parse_file(stream, 'f')\nnext(found)\n"
        + ("" if busy else "list(found)\n")
        + "print('ready', flush=True)\ntime.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", code, str(file)], cwd=root, stdout=subprocess.PIPE)
    assert parent.stdout
    with parent.stdout:
        parent.stdout.readline()
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
        parent.wait()
    deadline = time.monotonic() + 10
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
