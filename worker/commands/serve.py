"""`newsfold run`, `watch` and `worker`: the same watcher and the same task, in one process or in many."""

import fcntl
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from worker import app as root
from worker import tasks  # noqa: F401 - registers the tasks
from worker.logs import configure_logs
from worker.settings import SettingsError
from worker.watch import Watcher

log = structlog.get_logger()


def run() -> None:
    """Watch and work in this process until told to stop. Raises SettingsError if it cannot be the only one."""
    if not root.settings.embedded:
        raise SettingsError("`newsfold run` needs no broker: unset NEWSFOLD_BROKER_URL, or use `watch` and `worker`")
    configure_logs()
    root.pipeline()
    with _only_one(), _watching():
        _work("solo", 1)


def watch() -> None:
    """Watch until SIGTERM or SIGINT."""
    _need_broker("watch")
    configure_logs()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    log.info("watching", inbox=str(root.settings.inbox))
    Watcher(root.inbox, root.engine(), root.settings.settle, alone=False).run(stop)


def work(concurrency: int | None) -> None:
    """Work until SIGTERM (after the task in hand) or SIGINT."""
    _need_broker("worker")
    configure_logs()
    root.pipeline()  # checks the index version before anything is taken from the queue
    root.engine().dispose()  # no connection crosses the fork
    root.pipeline.cache_clear()
    root.engine.cache_clear()
    _work("prefork", concurrency or os.cpu_count() or 1)


def _work(pool: str, concurrency: int) -> None:
    worker = root.app.Worker(pool=pool, concurrency=concurrency, quiet=True, loglevel="INFO", optimization="fair")
    log.info("working", pool=pool, concurrency=concurrency)
    worker.start()


def _need_broker(command: str) -> None:
    if root.settings.embedded:
        raise SettingsError(
            f"`newsfold {command}` needs a broker that other processes reach: "
            "set NEWSFOLD_BROKER_URL to a redis:// URL, or use `newsfold run`"
        )


@contextmanager
def _watching() -> Iterator[None]:
    stop = threading.Event()
    watcher = Watcher(root.inbox, root.engine(), root.settings.settle, alone=True)
    thread = threading.Thread(target=watcher.run, args=(stop,), name="watcher")
    log.info("watching", inbox=str(root.settings.inbox))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@contextmanager
def _only_one() -> Iterator[None]:
    """Hold the inbox: a second `run` would take the first one's claims for a dead process's."""
    root.inbox.create()
    with (root.settings.inbox / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(f"another `newsfold run` works on {root.settings.inbox}") from None
        yield
