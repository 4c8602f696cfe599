"""The limits on what comes out of containers, so that a small file cannot become an endless one."""

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from worker.core.errors import ParseError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def megabytes(name: str, default: int) -> int:
    """A limit in MB that the environment may set. `worker.settings` complains of a value that is no number."""
    given = os.environ.get(f"NEWSFOLD_{name}_MB", "")
    return int(given) if given.isdecimal() else default


MAX_RECORD_BYTES = megabytes("MAX_RECORD", 64) << 20
"""Largest single record, and largest file of a format that holds one document."""

MAX_TOTAL_BYTES = megabytes("MAX_UNPACKED", 1000) * 1_000_000
"""Most that may come out of one delivered file, all its members together."""

MAX_RATIO = 100
"""Most bytes out for one byte in, looked at once `RATIO_FROM_BYTES` have come out."""

RATIO_FROM_BYTES = 8_000_000

MAX_DEPTH = 2
"""Containers inside one another; a compressed tar counts as one."""

MAX_MEMBERS = 10_000


class LimitError(ParseError):
    """A container went past a limit: it is not read any further, unlike one whose member is merely broken."""


class Budget:
    """What may still come out of one delivered file, shared by all the containers in it."""

    def __init__(self) -> None:
        self.out = 0
        self.members = 0

    def spend(self, size: int, name: str) -> None:
        """Count bytes that came out. Raises LimitError."""
        self.out += size
        if self.out > MAX_TOTAL_BYTES:
            raise LimitError(f"{name}: unpacks to more than {MAX_TOTAL_BYTES:,} bytes")

    def enter(self, depth: int, name: str) -> None:
        """Count a member. Raises LimitError."""
        self.members += 1
        if self.members > MAX_MEMBERS:
            raise LimitError(f"{name}: more than {MAX_MEMBERS:,} members")
        if depth > MAX_DEPTH:
            raise LimitError(f"{name}: containers nested more than {MAX_DEPTH} deep")


class Meter:
    """Counts what comes out of one container: against the budget, and against what has gone into it."""

    def __init__(self, budget: Budget, name: str, consumed: Callable[[], int]):
        self._budget = budget
        self._name = name
        self._consumed = consumed
        self._out = 0

    def count(self, size: int) -> None:
        """Count bytes that came out. Raises LimitError."""
        self._out += size
        self._budget.spend(size, self._name)
        if self._out > RATIO_FROM_BYTES and self._out > MAX_RATIO * self._consumed():
            raise LimitError(f"{self._name}: unpacks to more than {MAX_RATIO} times its size")


class Unpacked(io.RawIOBase):
    """The plain bytes of a container's content, read forward only and counted as they are read.

    `read` yields up to so many plain bytes, and none at the end. A tar needs no meter: nothing in it grows.
    """

    def __init__(self, read: Callable[[int], bytes], meter: Meter | None = None):
        self._read = read
        self._meter = meter

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See io.RawIOBase. Raises LimitError."""
        view = memoryview(buffer).cast("B")
        chunk = self._read(len(view))
        if self._meter:
            self._meter.count(len(chunk))
        view[: len(chunk)] = chunk
        return len(chunk)
