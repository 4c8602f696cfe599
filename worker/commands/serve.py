"""`newsfold run` and `newsfold watch`: the same watcher, with processes of its own or with workers elsewhere."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from worker import app as root
from worker.commands import broker
from worker.crew import Crew
from worker.hands import MOST
from worker.logs import configure_logs
from worker.settings import SettingsError
from worker.watch import Watcher

log = structlog.get_logger()


def run() -> None:
    """Watch, and work on all cores, until SIGTERM or SIGINT. Raises SettingsError if it cannot be the only one."""
    if not root.settings.embedded:
        raise SettingsError("`newsfold run` needs no broker: unset NEWSFOLD_BROKER_URL, or use `watch` and `worker`")
    configure_logs()
    root.pipeline()  # checks the index version
    crew = Crew(min(os.cpu_count() or 1, MOST))
    root.local = crew
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, crew.stop)
    with _only_one(), _watching():
        crew.run()


def watch() -> None:
    """Watch until SIGTERM or SIGINT. Raises SettingsError."""
    broker.require(root.settings, "watch")
    configure_logs()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _watcher().run(stop)


def _watcher() -> Watcher:
    if root.settings.metrics_port is not None:
        from worker import metrics

        metrics.serve(root.settings.metrics_port)
    log.info("watching", inbox=str(root.settings.inbox))
    return Watcher(root.inbox, root.engine(), root.settings.settle)


@contextmanager
def _watching() -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=_watcher().run, args=(stop,), name="watcher")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the inbox: two of them would only get in each other's way."""
    root.inbox.create()
    with (root.settings.inbox / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another `newsfold run` works on {root.settings.inbox}") from None
        yield
