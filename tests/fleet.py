"""Newsfold's processes as a supervisor would run them, their servers' misfortunes, and the files they are given."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import orjson

import migrations
from models.engine import open_engine
from tests.servers import PostgresServer, RedisServer
from worker.inbox import Inbox

COMMAND = Path(sys.executable).with_name("newsfold")


class StandstillError(Exception):
    """What was waited for did not come."""


def start(command: Sequence[str], inbox: Inbox, database_url: str, log: Path, **extra: str) -> subprocess.Popen[bytes]:
    """Start `newsfold COMMAND` in a session of its own; `extra` are environment variables beside the usual ones."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSFOLD_")} | {
        "NEWSFOLD_DATABASE_URL": database_url,
        "NEWSFOLD_INBOX": str(inbox.root),
        "NEWSFOLD_SETTLE": "0.2",
        **extra,
    }
    with log.open("ab") as out:
        return subprocess.Popen(
            [str(COMMAND), *command], env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            cwd=log.parent, start_new_session=True,
        )  # fmt: skip


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a whole process tree with -9."""
    if process.poll() is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@dataclass(slots=True)
class Fleet:
    """One watcher and some workers as processes of their own, started again when they end, as a supervisor does."""

    inbox: Inbox
    database_url: str
    broker_url: str
    logs: Path
    workers: int = 4
    extra: dict[str, str] = field(default_factory=dict)
    """Environment variables beside newsfold's settings."""
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.tend()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.processes):
            self.kill(name)

    def names(self) -> list[str]:
        """The processes there should be."""
        return ["watch", *(f"worker-{number}" for number in range(self.workers))]

    def tend(self) -> None:
        """Start what is not running."""
        for name in self.names():
            process = self.processes.get(name)
            if process is None or process.poll() is not None:
                command = ["watch"] if name == "watch" else ["worker", "--concurrency", "1"]
                extra = {"NEWSFOLD_BROKER_URL": self.broker_url, **self.extra}
                self.processes[name] = start(command, self.inbox, self.database_url, self.logs / f"{name}.log", **extra)

    def kill(self, name: str) -> None:
        """Kill a whole process tree with -9."""
        kill(self.processes.pop(name))

    def wait(self, seconds: float) -> None:
        """Let so much time pass."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.tend()
            time.sleep(0.05)
        self.tend()

    def wait_for(self, reached: Callable[[], bool], seconds: float) -> float:
        """Wait until `reached`; return how long it took. Raises StandstillError."""
        began = time.monotonic()
        while not reached():
            if time.monotonic() - began > seconds:
                raise StandstillError(f"not in {seconds:.0f} s\n{self.said()}")
            self.wait(0.05)
        return time.monotonic() - began

    def said(self, characters: int = 3000) -> str:
        """The ends of the logs."""
        return "\n".join(f"--- {log.name}\n{log.read_text()[-characters:]}" for log in sorted(self.logs.glob("*.log")))


@contextmanager
def fleet_on(inbox: Inbox, postgres_url: str, redis_url: str, workers: int, **extra: str) -> Iterator[Fleet]:
    """A watcher and workers on a new database; their logs lie beside the inbox."""
    engine = open_engine(postgres_url)
    migrations.upgrade(engine)
    engine.dispose()
    logs = inbox.root.parent / "logs"
    logs.mkdir()
    with Fleet(inbox, postgres_url, redis_url, logs, workers, extra) as fleet:
        yield fleet


def lose_redis(server: RedisServer, away: float) -> None:
    """Kill Redis, lose all it knew, and start it again after `away` seconds."""
    server.kill()
    shutil.rmtree(server.folder / "appendonlydir", ignore_errors=True)
    time.sleep(away)
    server.start()


def crash_postgres(server: PostgresServer, away: float) -> None:
    """Kill PostgreSQL and start it again after `away` seconds; it recovers what was committed."""
    server.kill()
    time.sleep(away)
    server.start()


# --- files --------------------------------------------------------------------------------------------------------


def new_inbox(folder: Path) -> Inbox:
    """An inbox with its folders."""
    inbox = Inbox(folder / "inbox")
    inbox.create()
    return inbox


def put(inbox: Inbox, path: Path | str, content: bytes) -> Path:
    """Drop a file as a careful sender does: written under a hidden name, then renamed."""
    target = inbox.incoming / path
    target.parent.mkdir(parents=True, exist_ok=True)
    hidden = target.with_name(f".{target.name}")
    hidden.write_bytes(content)
    return hidden.rename(target)


def put_each(inbox: Inbox, records: Iterable[dict[str, Any]]) -> list[Path]:
    """Drop articles, each as a file named by its id."""
    return [put(inbox, f"{record['id']}.json", orjson.dumps(record)) for record in records]


def drop(source: Path, inbox: Inbox, paths: Sequence[Path]) -> None:
    """Drop copies of files, given relative to `source`."""
    for path in paths:
        put(inbox, path, (source / path).read_bytes())


def files_of(folder: Path) -> Iterator[Path]:
    """The files below a folder, relative to it, without the reports beside failed ones."""
    for place, _, names in os.walk(folder):
        yield from ((Path(place) / name).relative_to(folder) for name in names if not name.endswith(".error.json"))


def ended(inbox: Inbox) -> int:
    """How many files have reached their end."""
    return sum(1 for folder in (inbox.done, inbox.failed) for _ in files_of(folder))
