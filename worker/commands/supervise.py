"""`newsfold worker`: keeps a Celery worker going, and takes it for alive only while it works.

A consumer can lose its connection and never notice: alive, quiet, and taking nothing from a queue that grows. Pings do
not tell; progress does. So this process, which does nothing else, starts the worker as its child and starts it again
when it ends, when tasks wait and it has taken none for a while, or when a task has outlived its limit.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import structlog

from worker.commands import broker
from worker.logs import configure_logs
from worker.pulse import VARIABLE, Pulse, handed_down
from worker.settings import Settings

log = structlog.get_logger()

STILL = 30.0
"""Seconds that tasks may wait while nobody is at work. Idle, so starting again costs no work: it can be short."""
OVERDUE = 660.0
"""Seconds at one task after which the worker has failed to end it itself (`app.HARD_LIMIT`, and a minute)."""
LOOK = 3.0
GRACE = 15.0
"""Seconds from SIGTERM until the task in hand is killed; what it leaves is taken up by others."""
LONGEST_PAUSE = 30.0
MISCONFIGURED = 2
"""Exit code of what trying again does not mend."""


def work(concurrency: int | None) -> int:
    """Work until SIGTERM or SIGINT; return the exit code. Raises SettingsError."""
    settings = Settings.from_environment()
    broker.require(settings, "worker")
    configure_logs()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    command = [sys.executable, "-m", "worker.commands.consume", *([str(concurrency)] if concurrency else [])]
    with handed_down() as (pulse, descriptor), broker.client(settings) as server:
        return Supervisor(command, pulse, descriptor, lambda: broker.waiting(server)).run(stop)


class Supervisor:
    """One child process and what is known of it."""

    def __init__(self, command: list[str], pulse: Pulse, descriptor: int, waiting: Callable[[], int | None]) -> None:
        """`waiting` says how many tasks wait, or None when the broker is away."""
        self._command = command
        self._pulse = pulse
        self._descriptor = descriptor
        self._waiting = waiting
        self._started = 0.0
        self._backlog_since: float | None = None

    def run(self, stop: threading.Event) -> int:
        """Keep the child going until `stop`; return the exit code."""
        pause = 1.0
        while True:
            child = self._start()
            code = self._attend(child, stop)
            if stop.is_set():
                return 0
            if code == MISCONFIGURED:
                return code
            pause = 1.0 if time.monotonic() - self._started > 2 * LONGEST_PAUSE else min(2 * pause, LONGEST_PAUSE)
            log.warning("worker ended, starts again", code=code, seconds=pause)
            stop.wait(pause)

    def _start(self) -> subprocess.Popen[bytes]:
        self._pulse.forget()
        self._started, self._backlog_since = time.monotonic(), None
        environment = {VARIABLE: str(self._descriptor)}
        return subprocess.Popen(self._command, env=os.environ | environment, pass_fds=[self._descriptor])  # noqa: S603

    def _attend(self, child: subprocess.Popen[bytes], stop: threading.Event) -> int:
        """Watch over the child until it has ended; return its exit code."""
        looked = time.monotonic()
        while child.poll() is None:
            if stop.wait(0.5):
                return self._end(child)
            if time.monotonic() - looked >= LOOK:
                looked = time.monotonic()
                if reason := self._stuck(looked):
                    log.error("worker stands still, is killed", reason=reason)
                    child.kill()
                    child.wait()
        return child.returncode

    def _stuck(self, now: float) -> str | None:
        """Say why the child is past hope, if it is."""
        busy = self._pulse.busy_since()
        if busy is not None:
            self._backlog_since = None
            return f"{now - busy:.0f} s at one task" if now - busy > OVERDUE else None
        if not self._waiting():  # none, or the broker is away
            self._backlog_since = None
            return None
        self._backlog_since = now if self._backlog_since is None else self._backlog_since
        still = now - max(self._backlog_since, self._pulse.idle_since() or self._started)
        return f"tasks wait, and none was taken in {still:.0f} s" if still > STILL else None

    def _end(self, child: subprocess.Popen[bytes]) -> int:
        self._pulse.stop()
        child.terminate()
        try:
            return child.wait(GRACE)
        except subprocess.TimeoutExpired:
            log.warning("task in hand is left to others", seconds=GRACE)
            child.kill()
            return child.wait()
