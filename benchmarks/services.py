"""The contenders with servers and workers: newsfold with Redis and PostgreSQL, its inbox, and plain Celery."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import redis
from sqlalchemy import Engine, text

from benchmarks.batch import NEWSFOLD, Figures, figures, stories
from benchmarks.material import Material
from benchmarks.measure import FailedError, watched
from benchmarks.recall import judge
from models.engine import open_engine, reading
from tests.servers import PostgresServer, RedisServer, create_database
from worker.inbox import Inbox

WORKERS = 2
SMALL_FILES = 0.4
"""Share of the corpus that is dropped as one file an article: 20,000 of 50,000."""
TASKS = 0.1
"""Share of it that plain Celery gets as a task a file."""
PATIENCE = 3_600.0


def distributed(material: Material, work: Path) -> Figures:
    """One file of the whole corpus, from its drop until it is linked: a watcher, two workers, Redis, PostgreSQL."""
    with ExitStack() as stack:
        postgres, broker = PostgresServer(work / "postgres"), RedisServer(work / "redis")
        for server in (postgres, broker):
            server.start()
            stack.callback(server.stop)
        environment = _environment(create_database(postgres.url()), broker.url(), work)
        _newsfold(environment, work, "migrate").wait()
        watcher = stack.enter_context(_running(environment, work, "watch"))
        worker = stack.enter_context(_running(environment, work, "worker", "--concurrency", str(WORKERS)))
        engine = open_engine(environment["NEWSFOLD_DATABASE_URL"])
        stack.callback(engine.dispose)
        inbox = Inbox(work / "inbox")
        _at_work(inbox, worker)
        pids = (watcher.pid, worker.pid, postgres.pid, broker.pid)
        with watched(pids) as usage:
            _drop(material.corpus, inbox)
            _until(lambda: _finished(engine) == 1, (watcher, worker))
        with reading(engine) as connection:
            rows = connection.execute(text("select external_id, published_at, story_id from story_members")).all()
            size = connection.execute(text("select pg_database_size(current_database())")).scalar_one()
    found = judge(material.labels(), stories(material.labels(), [(row[0], row[1], row[2]) for row in rows]))
    return figures(usage, material.articles) | found | {"bytes": size // material.articles}


def small_files(material: Material, work: Path) -> Figures:
    """Thousands of files moved into the inbox at once, from the move until all are linked: `newsfold run`, SQLite."""
    count = int(material.articles * SMALL_FILES)
    source = _linked_copy(material.files(count), work / "drop")
    environment = _environment(f"sqlite:///{work / 'newsfold.db'}", "memory://", work)
    inbox = Inbox(work / "inbox")
    with _running(environment, work, "run") as process:
        _at_work(inbox, process)
        engine = open_engine(environment["NEWSFOLD_DATABASE_URL"], read_only=True)
        with watched([process.pid]) as usage:
            source.rename(inbox.incoming / "drop")
            _until(lambda: _finished(engine) == count, (process,))
        engine.dispose()
    return figures(usage, count)


def celery_tasks(material: Material, work: Path) -> Figures:
    """One Celery task a file that does nothing at all, over the same Redis, acknowledged late as newsfold's are."""
    count = max(2_000, int(material.articles * TASKS))
    broker = RedisServer(work / "redis")
    broker.start()
    environment = {"BENCHMARK_BROKER": broker.url()}
    options = ("worker", "--concurrency", str(WORKERS), "--loglevel", "ERROR", "-Ofair")
    command = [sys.executable, "-m", "celery", "-A", "benchmarks.plain_celery", *options]
    try:
        with _started(command, environment, work) as process, redis.Redis.from_url(broker.url()) as client:
            _until(lambda: bool(client.pubsub_numpat() or client.exists("_kombu.binding.celery")), (process,))
            with watched([process.pid, broker.pid]) as usage:
                sender = [sys.executable, "-m", "benchmarks.plain_celery", str(count)]
                subprocess.run(sender, env=os.environ | environment, check=True)
                _until(lambda: not client.llen("celery") and not client.hlen("unacked"), (process,))
    finally:
        broker.stop()
    return figures(usage, count)


def _environment(database: str, broker: str, work: Path) -> dict[str, str]:
    return {
        "NEWSFOLD_DATABASE_URL": database,
        "NEWSFOLD_BROKER_URL": broker,
        "NEWSFOLD_INBOX": str(work / "inbox"),
        "NEWSFOLD_SETTLE": "0.2",
    }


def _newsfold(environment: dict[str, str], work: Path, *command: str) -> subprocess.Popen[bytes]:
    with (work / f"{command[0]}.log").open("wb") as log:
        return subprocess.Popen([*NEWSFOLD, *command], env=os.environ | environment, stdout=log, stderr=log)


@contextmanager
def _running(environment: dict[str, str], work: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    process = _newsfold(environment, work, *command)
    with _ending(process):
        yield process


@contextmanager
def _started(command: Sequence[str], environment: dict[str, str], work: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (work / "celery.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
    with _ending(process):
        yield process


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a process with all that it started."""
    try:
        yield
    finally:
        children = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            if child.is_running():
                child.kill()


def _at_work(inbox: Inbox, process: subprocess.Popen[bytes]) -> None:
    """Wait until a file dropped now goes through: start-up is not what is measured."""
    _until(inbox.incoming.exists, (process,))
    first = inbox.incoming / "first.json"
    first.with_suffix(".tmp").write_text('{"id": "first", "title": "A first file", "text": "Nothing else like it."}')
    first.with_suffix(".tmp").rename(first)
    _until(lambda: any(inbox.done.rglob("first.json")), (process,))


def _drop(file: Path, inbox: Inbox) -> None:
    (inbox.root / "whole").write_bytes(file.read_bytes())
    (inbox.root / "whole").rename(inbox.incoming / "whole.jsonl")


def _linked_copy(folder: Path, copy: Path) -> Path:
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def _finished(engine: Engine) -> int:
    """How many deliveries are done, the first file aside."""
    query = text("select count(*) from deliveries where state <> 'received' and path not like '%first.json'")
    with reading(engine) as connection:
        return int(connection.execute(query).scalar_one())


def _until(done: Callable[[], bool], processes: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not done():
        ended = [process for process in processes if process.poll() is not None]
        if ended or time.monotonic() > deadline:
            raise FailedError(f"{ended or processes} did not get there")
        time.sleep(0.1)
