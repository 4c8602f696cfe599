"""What a worker's processes tell each other through memory they share: who is at work since when, and "stop now".

A supervisor makes it and hands it down as an open file; without one it is anonymous memory, which prefork's children
inherit. It dies with the last process that knows it.
"""

import mmap
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

VARIABLE = "NEWSFOLD_PULSE"
"""Environment variable: the number of the open file. Set by the supervisor for its child, by nobody else."""
SIZE = mmap.PAGESIZE
SLOTS = SIZE // 8 - 1


class Pulse:
    """One slot a pool process, in monotonic seconds: at work since t (positive), idle since t (negative), or 0."""

    def __init__(self, descriptor: int = -1) -> None:
        """Map the open file `descriptor`, or memory of our own."""
        self._values = memoryview(mmap.mmap(descriptor, SIZE)).cast("d")

    @classmethod
    def inherited(cls) -> Self:
        """The pulse this process was given by its supervisor, or one of its own."""
        return cls(int(os.environ.get(VARIABLE, "-1")))

    @property
    def stopping(self) -> bool:
        """Whether the worker was asked to stop: whoever is at work should leave the rest to others."""
        return self._values[SLOTS] != 0

    def stop(self) -> None:
        """Ask the processes to stop. Safe in a signal handler."""
        self._values[SLOTS] = 1.0

    def work(self, slot: int) -> None:
        """Note that a process begins a task."""
        self._values[slot % SLOTS] = time.monotonic()

    def rest(self, slot: int) -> None:
        """Note that a process has nothing to do."""
        self._values[slot % SLOTS] = -time.monotonic()

    def forget(self) -> None:
        """Forget all slots and the wish to stop: the processes are gone."""
        self._values[:] = memoryview(bytes(SIZE)).cast("d")

    def idle_since(self) -> float | None:
        """Since when nobody is at work, in monotonic seconds; None while somebody is, or when nobody has said."""
        known = [value for value in self._values[:SLOTS] if value]
        return max(-value for value in known) if known and max(known) < 0 else None

    def busy_since(self) -> float | None:
        """Since when the one longest at work is; None when nobody is."""
        return min((value for value in self._values[:SLOTS] if value > 0), default=None)


@contextmanager
def handed_down() -> Iterator[tuple[Pulse, int]]:
    """A pulse for a child process, and the open file to pass to it."""
    with tempfile.TemporaryFile() as file:
        file.truncate(SIZE)
        yield Pulse(file.fileno()), file.fileno()
