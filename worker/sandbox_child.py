"""The process that parses, for `worker.sandbox`: told a name and given an open file, it answers with records.

Requests and answers go through the Unix socket that is its standard input. A request is a name with the open file
beside it (SCM_RIGHTS). The answer is lines of JSON: `[format, fields]` for each record as soon as it is found, and at
the end an object, with the `error` if there was one. Started as a script; imports nothing of newsfold but the parsers.
"""

import errno
import io
import os
import resource
import signal
import socket
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from worker.core.errors import ParseError
from worker.parsing import parse_with_format
from worker.parsing.sanitise import clean_value

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

SOCKET = 0
SECONDS_A_RECORD = 0.25
SECONDS_A_BYTE = 1e-6
"""What a parser earns by finding a record and by reading on: several times what the slowest format takes."""

MAX_FILES = 5_000
MAX_RESIDENT_BYTES = 256 << 20
"""After so many files, or once it has grown to this, a child is replaced: memory that a library has lost comes back."""
LOOK = 16
"""Files after which it looks how large it is."""

_FORBIDDEN = (
    "socket.", "subprocess.", "pty.", "shutil.", "urllib.Request", "ftplib.", "http.", "smtplib.", "os.exec",
    "os.fork", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "os.kill", "os.remove", "os.rename",
    "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "tempfile.",
)  # fmt: skip
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Allowance:
    """CPU time that is left. When it is used up the kernel ends the process, whatever C code it is in."""

    def __init__(self, seconds: float) -> None:
        self._most = seconds
        signal.signal(signal.SIGPROF, signal.SIG_DFL)

    def begin(self) -> None:
        """Allow the most, from now on."""
        signal.setitimer(signal.ITIMER_PROF, self._most)

    def earn(self, seconds: float) -> None:
        """Add to what is left, up to the most."""
        left = signal.getitimer(signal.ITIMER_PROF)[0]
        signal.setitimer(signal.ITIMER_PROF, min(self._most, left + seconds))

    def end(self) -> None:
        """Count no more."""
        signal.setitimer(signal.ITIMER_PROF, 0)


class Metered(io.FileIO):
    """A file whose reader earns CPU time, once for each byte: to read the same part again earns nothing."""

    def __init__(self, descriptor: int, allowance: Allowance) -> None:
        super().__init__(descriptor, "r")
        self._allowance = allowance
        self._unpaid = os.fstat(descriptor).st_size

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See io.RawIOBase."""
        size = super().readinto(buffer) or 0
        paid = min(size, self._unpaid)
        self._unpaid -= paid
        self._allowance.earn(paid * SECONDS_A_BYTE)
        return size


def main(cpu_seconds: float, memory_bytes: int) -> None:
    """Serve until the parent is gone, or this process is worn out."""
    for meant_for_parent in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # It may want to finish a file first; when it goes, this ends as well.
        signal.signal(meant_for_parent, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, memory_bytes))
    allowance = Allowance(cpu_seconds)
    requests = socket.socket(fileno=SOCKET)
    confine()
    for number in range(1, MAX_FILES + 1):
        request, descriptors, _, _ = socket.recv_fds(requests, 65_536, 1)
        if not request:
            return
        allowance.begin()
        with io.BufferedReader(Metered(descriptors[0], allowance), 1 << 16) as file:
            ending = serve(file, os.fsdecode(request), allowance)
        allowance.end()
        retired = number == MAX_FILES or (number % LOOK == 0 and _resident() > MAX_RESIDENT_BYTES)
        send({**ending, "retired": retired})
        if retired:
            return


def serve(file: BinaryIO, name: str, allowance: Allowance) -> dict[str, Any]:
    """Send the records of a file; return how it ended."""
    try:
        for format_, record in parse_with_format(file, name):
            send([format_, tuple(record)])
            allowance.earn(SECONDS_A_RECORD)
    except ParseError as error:
        return {"error": str(error)}
    except OSError as error:
        if error.filename is not None or not error.errno:  # not the file that was given
            return {"error": f"{name}: the parser failed: {type(error).__name__}"}
        return {"errno": error.errno}
    return {}


def send(answer: Any) -> None:
    """Write an answer; waits while the parent is busy."""
    try:
        line = orjson.dumps(answer, option=orjson.OPT_APPEND_NEWLINE)
    except TypeError:  # something a parser should have cleaned
        line = orjson.dumps(clean_value(answer), option=orjson.OPT_APPEND_NEWLINE)
    _write(line)


def _write(line: "ReadableBuffer") -> None:
    left = memoryview(line)
    while left:
        left = left[os.write(SOCKET, left) :]


def _resident() -> int:
    """The memory this process has, in bytes; 0 where there is no /proc. (`ru_maxrss` begins with the parent's.)"""
    try:
        statm = Path("/proc/self/statm").read_text()
    except OSError:
        return 0
    return int(statm.split()[1]) * resource.getpagesize()


def confine() -> None:
    """Make Python refuse what a parser has no business with: network, processes, other files, any writing.

    An audit hook (PEP 578), which cannot be taken off again. It stops a library that was talked into something; it
    does not stop machine code.
    """
    own = {os.path.realpath(path) for path in (*sys.path, *sysconfig.get_paths().values()) if path}
    roots = tuple(f"{path}/" for path in (*own, "/usr/share/zoneinfo", "/proc/self"))

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(path, int):
                return
            if flags & _WRITES or not f"{os.path.realpath(os.fsdecode(path))}/".startswith(roots):
                raise PermissionError(1, "a parser opens no files", "")
        elif event.startswith(_FORBIDDEN):
            raise PermissionError(1, f"a parser may not call {event}", "")

    sys.addaudithook(hook)


def run(cpu_seconds: str, memory_bytes: str) -> None:
    """Run as a script; the exit code says why the process ended early."""
    try:
        main(float(cpu_seconds), int(memory_bytes))
    except MemoryError:
        os._exit(errno.ENOMEM)
    except (BrokenPipeError, ConnectionResetError):  # the parent is gone
        os._exit(0)


if __name__ == "__main__":
    run(*sys.argv[1:])
