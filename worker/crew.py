"""The processes of `newsfold run`: a broker of one process, and hands that do what it is sent.

Each hand is a process at the end of a pipe of its own, given one task at a time: no lock is shared, so that one that is
killed takes nothing with it but its task, which the sweep sends again. Hands send tasks as well, through their parent.
"""

import os
import signal
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess

import structlog
from sqlalchemy.exc import SQLAlchemyError

from worker import app as root
from worker.core.errors import NewsfoldError
from worker.forks import FORKS, end_with_parent
from worker.logs import configure_logs
from worker.pipeline import warm_up

log = structlog.get_logger()

GRACE = 15.0
"""Seconds from the wish to stop until tasks in hand are killed."""
PAUSE = 1.0

Task = tuple[str, tuple[object, ...]]
"""A task's name and its arguments."""


class Hand:
    """One process, and what it has in hand."""

    def __init__(self) -> None:
        self.pipe, theirs = FORKS.Pipe()
        self.process: BaseProcess = FORKS.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.since: float | None = None
        """When it was given its task, in monotonic seconds; None while it has none."""

    def give(self, task: Task) -> None:
        """Give it a task. One that has died is noticed later."""
        self.since = time.monotonic()
        with suppress(OSError):
            self.pipe.send(task)

    def end(self, seconds: float) -> None:
        """Wait so long for it to end; then end it."""
        self.process.join(max(0.0, seconds))
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.pipe.close()


class Crew:
    """Takes tasks from any thread and hands them out until told to stop."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._waiting: deque[Task] = deque()
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        self._stopping = False

    def put(self, name: str, arguments: Sequence[object]) -> None:
        """Send a task, unless the same one waits already."""
        task = (name, tuple(arguments))
        if task not in self._waiting:
            self._waiting.append(task)
            self._nudge()

    def length(self) -> int:
        """How many tasks wait."""
        return len(self._waiting)

    def stop(self, *_: object) -> None:
        """Make `run` return once what is in hand is put down. Safe in a signal handler."""
        self._stopping = True
        self._nudge()

    def run(self) -> None:
        """Hand out tasks until told to stop. Hands die with the thread that calls this."""
        hands = [Hand() for _ in range(self._size)]
        log.info("working", processes=len(hands))
        while not self._stopping:
            for hand in hands:
                if hand.since is None and self._waiting:
                    hand.give(self._waiting.popleft())
            self._listen(hands)
            for place, hand in enumerate(hands):
                if not hand.process.is_alive() or _overdue(hand):
                    log.error("a process died or hung, another starts", code=hand.process.exitcode)
                    hand.end(0.0)
                    time.sleep(PAUSE)
                    hands[place] = Hand()
        for hand in hands:
            hand.process.terminate()
        deadline = time.monotonic() + GRACE
        for hand in hands:
            hand.end(deadline - time.monotonic())

    def _listen(self, hands: Sequence[Hand]) -> None:
        """Wait until something happens, and note what the hands say: a task to send, or that they are done."""
        ready = wait([self._awake, *(hand.pipe for hand in hands)], timeout=1.0)
        if self._awake in ready:
            os.read(self._awake, 4096)
        for hand in hands:
            if hand.pipe in ready:
                with suppress(EOFError, OSError):
                    said: Task | None = hand.pipe.recv()
                    if said is None:
                        hand.since = None
                    else:
                        self.put(*said)

    def _nudge(self) -> None:
        with suppress(BlockingIOError):
            os.write(self._wake, b"x")


def _overdue(hand: Hand) -> bool:
    return hand.since is not None and time.monotonic() - hand.since > root.HARD_LIMIT


class _Parent:
    """The parent, as a hand sees it: where tasks are sent."""

    def __init__(self, pipe: "Connection[Task | None, Task]") -> None:
        self._pipe = pipe

    def put(self, name: str, arguments: Sequence[object]) -> None:
        """Send a task."""
        self._pipe.send((name, tuple(arguments)))

    def length(self) -> int:
        """Unknown here; the parent takes no task twice."""
        return 0


def _serve(pipe: "Connection[Task | None, Task]") -> None:
    """Do one task after the other until told to stop, or the parent is gone."""
    end_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    stopping = threading.Event()

    def stop(*_: object) -> None:
        root.pulse.stop()
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    configure_logs()
    root.local = _Parent(pipe)
    from worker import tasks

    with suppress(NewsfoldError, SQLAlchemyError):  # the first task will say so
        root.pipeline()
    warm_up()
    known = {task.name: task for task in (tasks.ingest, tasks.link, tasks.search)}
    while not stopping.is_set():
        if not pipe.poll(0.5):
            continue
        try:
            name, arguments = pipe.recv()
        except EOFError:
            return
        try:
            known[name](*arguments)
        except Exception:
            log.exception("task failed", task=name)
        pipe.send(None)
