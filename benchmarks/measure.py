"""Seconds, processor seconds and memory of a command and everything it starts."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

PERIOD = 0.25
"""Seconds between two looks at a tree of processes,"""
REST = 25
"""... or so many times as long as the last one took: at PostgreSQL's twenty processes 0.14 s."""


@dataclass(slots=True)
class Usage:
    """What a tree of processes took."""

    seconds: float = 0.0
    cpu: float = 0.0
    """Processor seconds, all processes; unlike wall time it hardly changes when others use the machine."""
    rss: int = 0
    """Peak of the sum of resident sets, bytes: pages that processes share count in each."""
    pss: int = 0
    """The same with shared pages divided among those who share them; equals `rss` where the system does not tell."""


@dataclass(slots=True)
class Tree:
    """Processes and all their descendants, looked at again and again."""

    roots: Sequence[int]
    usage: Usage = field(default_factory=Usage)
    _cpu: dict[tuple[int, float], float] = field(default_factory=dict)
    _before: dict[tuple[int, float], float] = field(default_factory=dict)

    def look(self) -> tuple[int, int]:
        """Add one look to the usage; return RSS and PSS in bytes as they are now."""
        rss = pss = 0
        for process in self._processes():
            try:
                with process.oneshot():
                    times, identity = process.cpu_times(), (process.pid, process.create_time())
                    memory = process.memory_full_info()
            except psutil.Error:
                continue
            self._cpu[identity] = times.user + times.system
            rss += memory.rss
            pss += getattr(memory, "pss", memory.rss)
        self.usage.rss, self.usage.pss = max(self.usage.rss, rss), max(self.usage.pss, pss)
        self.usage.cpu = sum(self._cpu.values()) - sum(self._before.values())
        return rss, pss

    def start(self) -> None:
        """Count from here: what the processes took so far is not theirs."""
        self.look()
        self._before = dict(self._cpu)
        self.usage = Usage()

    def _processes(self) -> Iterator[psutil.Process]:
        for root in self.roots:
            try:
                process = psutil.Process(root)
                yield process
                yield from process.children(recursive=True)
            except psutil.NoSuchProcess:
                continue


@contextmanager
def watched(roots: Sequence[int]) -> Iterator[Usage]:
    """Measure processes that run already, and whatever they start, until the block ends."""
    tree, stop = Tree(roots), threading.Event()
    tree.start()
    usage = tree.usage

    def looks() -> None:
        took = 0.0
        while not stop.wait(max(PERIOD, REST * took)):
            began = time.perf_counter()
            tree.look()
            took = time.perf_counter() - began

    thread = threading.Thread(target=looks, daemon=True)
    begun = time.perf_counter()
    thread.start()
    try:
        yield usage
    finally:
        usage.seconds = time.perf_counter() - begun
        stop.set()
        thread.join()
        tree.look()


class FailedError(Exception):
    """A measured command did not end well; the message is the end of what it said."""


def timed(command: Sequence[str | Path], environment: dict[str, str], log: Path) -> tuple[Usage, bytes]:
    """Run a command to its end; return its usage and its standard output. Raises FailedError."""
    before = _waited_for()
    with log.open("wb") as errors:
        child = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.PIPE, stderr=errors)
        with watched([child.pid]) as usage:
            answer = child.communicate()[0]
    if child.returncode:
        end = log.read_text(errors="replace")[-800:]
        raise FailedError(f"{' '.join(map(str, command[:4]))} ended with {child.returncode}: {end}")
    usage.cpu = max(usage.cpu, _waited_for() - before)
    return usage, answer


def _waited_for() -> float:
    """Processor seconds of all children that have ended, and theirs: complete where looks miss the short-lived."""
    times = os.times()
    return times.children_user + times.children_system
