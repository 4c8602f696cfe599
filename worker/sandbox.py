"""Parse in a child process: whatever a file does to a parser, it does it there, and within limits.

A file's parser may crash, run on or eat memory; the child then dies, the file gets the reason, and the next file a
fresh child. The child is given one open file at a time and nothing else: no database URL, no other file, no network.
It is started on first use and kept, so that a small file costs a message and not a process.
"""

import array
import atexit
import errno
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import orjson

from worker.core.article import Article, Rejected
from worker.core.errors import NewsfoldError, ParseError

CPU_SECONDS = 10.0
"""CPU time a parser may be ahead of what it has earned: by bytes read and records found, see `sandbox_child`."""

_LIMITS = ("NEWSFOLD_MAX_RECORD_MB", "NEWSFOLD_MAX_UNPACKED_MB")


def _memory() -> int:
    record = os.environ.get(_LIMITS[0], "")
    return 8 * max(64, int(record) if record.isdecimal() else 0) << 20


MEMORY_BYTES = _memory()
"""Data a parser may hold, its libraries' included: 512 MB, or more where records may be larger than 64."""

PATIENCE = 180.0
"""Seconds without a word from the child, busy or not, after which it is given up: a disk may hang as well."""

MAX_FRAME = 128 << 20

_BUFFER = 1 << 18
_CHILD = Path(__file__).with_name("sandbox_child.py")
_NONSENSE = "the parser was stopped: it answered nonsense"
_TIMES = tuple(map(Article._fields.index, ("published_at", "updated_at", "embargoed_until")))
_PASSED_ON = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", *_LIMITS)
_FROM_OUTSIDE = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class SandboxError(NewsfoldError):
    """No parser process can be had: the machine's fault, not the file's."""


class _KilledError(Exception):
    """Somebody, or the kernel short of memory, killed the child."""


def parse_file(stream: BinaryIO, name: str) -> Generator[Article | Rejected, None, None]:
    """Yield what `worker.parsing.parse` yields for the same file, from a child process.

    `stream` is an open file on disk, `name` serves messages only. Raises ParseError for a file that cannot be read
    (any further), the death of its parser included, and OSError when the disk fails; what was yielded before stays
    valid. Raises SandboxError when no child can be started.
    """
    for line in parse_lines(stream, name):
        yield record_of(line)[1]


def parse_file_with_format(stream: BinaryIO, name: str) -> Generator[tuple[str, Article | Rejected], None, None]:
    """The same, each with the path of formats it was found in, such as `zip/nitf` or `jsonl/ninjs`."""
    for line in parse_lines(stream, name):
        yield record_of(line)


def parse_lines(stream: BinaryIO, name: str) -> Generator[bytes, None, None]:
    """The same as the child wrote them, for `record_of`: whoever only keeps them need not know what they say."""
    name = name or "file"
    yielded = 0
    for chance in (1, 2):
        child = _take()
        try:
            for number, found in enumerate(child.parse(stream, name), 1):
                if number > yielded:  # the second child begins anew
                    yielded = number
                    yield found
        except _KilledError as death:
            if chance == 2:
                raise ParseError(f"{name}: the parser was stopped: {death}") from None
        else:
            return
        finally:
            _give_back(child)


class _Child:
    """A process that parses one file after the other."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-P", "-s", "-B", str(_CHILD), str(CPU_SECONDS), str(MEMORY_BYTES)]
        try:
            with theirs:
                self._process = subprocess.Popen(  # noqa: S603 - our own file
                    command,
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    env=_environment(),
                )
        except OSError as error:
            ours.close()
            raise SandboxError(f"no parser process can be started: {error.strerror}") from error
        ours.settimeout(PATIENCE)
        self._socket = ours
        self._reader = ours.makefile("rb", _BUFFER)
        self.ready = True
        """Whether it waits for a file."""

    def parse(self, stream: BinaryIO, name: str) -> Iterator[bytes]:
        self.ready = False
        stream.seek(0)
        try:
            # socket.send_fds, which loses its way with a timeout set
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [stream.fileno()]))
            self._socket.sendmsg([os.fsencode(name)], [rights])
            while (found := self._next()) is not None:
                yield found
        except TimeoutError:
            raise ParseError(f"{name}: the parser was stopped: no answer for {PATIENCE:.0f} s") from None
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise self._obituary(name) from None

    def _next(self) -> bytes | None:
        """The next record's line; None at the end of the file."""
        line = self._reader.readline(MAX_FRAME)
        if not line.endswith(b"\n"):
            if len(line) == MAX_FRAME:
                raise ParseError(f"the parser was stopped: a record of more than {MAX_FRAME:,} bytes")
            raise EOFError
        if line.startswith(b"["):
            return line
        try:
            ending = orjson.loads(line)
            self.ready = not ending.get("retired")
            problem, number = ending.get("error"), ending.get("errno")
        except (ValueError, AttributeError) as error:
            raise ParseError(_NONSENSE) from error
        if number is not None:
            raise OSError(number, os.strerror(number))
        if problem is not None:
            raise ParseError(problem)
        return None

    def _obituary(self, name: str) -> ParseError | _KilledError | SandboxError:
        self._socket.close()
        code = self._process.wait()
        if -code in _FROM_OUTSIDE:
            return _KilledError(f"it was killed (signal {-code}), perhaps for the machine's lack of memory")
        if code in (-signal.SIGPROF, -signal.SIGXCPU):
            reason = f"more than {CPU_SECONDS:g} s of CPU time"
        elif code == errno.ENOMEM:
            reason = f"more than {MEMORY_BYTES >> 20} MB of memory"
        elif code < 0:
            reason = f"it crashed (signal {-code})"
        else:
            return SandboxError(f"the parser process cannot work (exit code {code}); is newsfold installed whole?")
        return ParseError(f"{name}: the parser was stopped: {reason}")

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self.forget()
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """Let go of it without a word: after a fork it is the other process's."""
        with suppress(OSError):
            self._reader.close()
        self._socket.close()


def record_of(line: bytes) -> tuple[str, Article | Rejected]:
    """The format and the record of a line that a child wrote. Raises ParseError if they are none."""
    try:
        format_, fields = orjson.loads(line)
        if len(fields) == len(Rejected._fields):
            return format_, Rejected(*fields)
        for at in _TIMES:
            if fields[at] is not None:
                fields[at] = datetime.fromisoformat(fields[at])
        if len(fields) == len(Article._fields):
            return format_, Article(*fields)
    except (TypeError, ValueError, LookupError) as error:
        raise ParseError(_NONSENSE) from error
    raise ParseError(_NONSENSE)


def _environment() -> dict[str, str]:
    """What the child needs, and no secret: settings hold passwords."""
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    # One thread is enough, and the buffers of the others count as memory.
    threads = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MALLOC_ARENA_MAX"), "1")
    path = [str(_CHILD.parents[1]), *(entry for entry in sys.path if entry)]
    return passed_on | threads | {"PYTHONPATH": os.pathsep.join(path), "PYTHONUTF8": "1"}


_idle: list[_Child] = []


def start_early() -> None:
    """Start a child, which then loads beside its parent. Raises SandboxError."""
    _idle.append(_Child())


def _take() -> _Child:
    try:
        return _idle.pop()
    except IndexError:
        return _Child()


def _give_back(child: _Child) -> None:
    if child.ready:
        _idle.append(child)
    else:
        child.close()


@atexit.register
def close() -> None:
    """End the idle children. A busy one ends when its file does, or its parent."""
    while _idle:
        _idle.pop().close()


def _after_fork() -> None:
    for child in _idle:
        child.forget()
        child._process.returncode = 0  # not ours to wait for
    _idle.clear()


os.register_at_fork(after_in_child=_after_fork)
