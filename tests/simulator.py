"""Watcher, broker and worker in one process, with a fuse in every SQL statement, commit and file operation.

A life of the machine scans, claims, sends, works off and sweeps until nothing is left to do. When the fuse blows the
process is dead: nothing after that point happens, neither a statement nor a rename in some `finally`; the open
transaction is rolled back and locks are let go, as the kernel and the database would do it, and the queue is lost with
everything else in memory. The next life begins with what is on disk. After a power cut that is the database as it was
when SQLite last waited for the disk, while every file has moved as far as it did.
"""

import itertools
import os
import random
import shutil
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO
from unittest.mock import patch

import orjson
from sqlalchemy import Connection, Engine, event, text

import migrations
import models.engine
from models import dialect
from models.base import Base
from models.engine import open_engine, writing
from tests.conduct import exported, parse_lines_here, posted, rows
from worker import parts, pipeline, tasks, watch
from worker.core.article import Article, Rejected
from worker.inbox import Inbox
from worker.parsing import parse
from worker.pipeline import Pipeline
from worker.watch import Watcher

Record = dict[str, Any]
Files = dict[str, bytes]
"""Path below `incoming/` -> content."""

CHUNK = 4
"""Articles a transaction, and from which on a file is a big one: so few that a small file has several."""
BIG = 6_000
"""... or bytes: of the simulator's two big files one is so by its size, the other by its articles."""
PART = 2
"""Records a part of a big file."""
ROUNDS = 40
"""Rounds of scan, work and sweep after which a life that has not come to rest never will."""
PATIENCE = 60.0
"""Seconds that pass with each look at the clock: what the watcher waits for, this long or longer, happens at once."""
LASTING = ("newsfold.db", "newsfold.db-wal")
_DRIVING = dialect.driving
FILE_OPERATIONS = ("rename", "replace", "link", "unlink", "mkdir", "rmdir", "open", "fsync")


class DeathError(BaseException):
    """The process is gone. No Exception: nobody is to catch it."""


@dataclass(slots=True)
class Fuse:
    """Counts the points at which a process may die, and blows at one of them."""

    blows_at: int | None = None
    passed: list[str] = field(default_factory=list)
    blown: bool = False

    def alive(self) -> None:
        """Let nothing happen after the death."""
        if self.blown:
            raise DeathError

    def point(self, what: str) -> None:
        """Something has just been done."""
        self.passed.append(what)
        if self.blows_at is not None and len(self.passed) >= self.blows_at:
            self.blown = True
            raise DeathError(what)


class Machine:
    """An inbox and a database: what outlives a process. One a folder, or one a PostgreSQL database, is used again."""

    def __init__(self, folder: Path, postgres_url: str | None = None) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.inbox = Inbox(folder / "inbox")
        self.dropped: Counter[str] = Counter()
        self.pruned = 0
        """Articles that were deleted on purpose."""
        self._fuse = Fuse()
        self._synced = True
        """Whether the transaction that writes is to be synced."""
        self._lasting: dict[str, bytes] = {}
        """SQLite's files as they were when it last waited for the disk."""
        self.engine = open_engine(postgres_url or f"sqlite:///{folder / 'newsfold.db'}")
        self._raw: list[Any] = []
        self._listen()
        migrations.upgrade(self.engine)
        self.engine.dispose()
        self.keep("empty")

    def _listen(self) -> None:
        """One engine for all lives, as it keeps what it has compiled; connections live no longer than the process."""
        event.listen(self.engine, "connect", self._connected)
        # Closing alone lets go of SQLite's locks only when the last cursor is collected.
        event.listen(self.engine, "invalidate", lambda connection, *_: connection.rollback())
        event.listen(self.engine, "before_cursor_execute", lambda *_: self._fuse.alive())
        event.listen(
            self.engine, "after_cursor_execute", lambda _c, _cu, said, *_: self._fuse.point(said.split("\n")[0])
        )
        event.listen(self.engine, "begin", self._began)
        commit = self.engine.dialect.do_commit

        def do_commit(connection: Any) -> None:
            self._fuse.alive()
            commit(connection)
            if self._synced:
                self._remember()
            self._fuse.point("COMMIT")

        self.engine.dialect.do_commit = do_commit  # type: ignore[method-assign]

    @contextmanager
    def _driving(self, connection: Connection, statement: str) -> Iterator[Any]:
        """What goes by the driver's cursor passes by the events."""
        self._fuse.alive()
        with _DRIVING(connection, statement) as cursor:
            yield cursor
        self._fuse.point(statement)

    def _connected(self, connection: Any, _record: object) -> None:
        self._raw.append(connection)

    def _began(self, connection: Connection) -> None:
        self._synced = connection.get_execution_options().get("newsfold_synced", False)

    def _remember(self) -> None:
        """Keep what a power cut leaves of the database."""
        if self.engine.dialect.name == "sqlite":
            self._lasting = {name: path.read_bytes() for name in LASTING if (path := self.folder / name).exists()}

    def _cut_power(self) -> None:
        """Leave no more of the database than that."""
        for file in self.folder.glob("newsfold.db*"):
            file.unlink()
        for name, content in self._lasting.items():
            (self.folder / name).write_bytes(content)

    def keep(self, name: str) -> None:
        """Keep a copy of all there is (on PostgreSQL: of nothing), to start from it again."""
        kept = self.folder / name
        if self.engine.dialect.name == "sqlite":
            kept.mkdir()
            shutil.copyfile(self.folder / "newsfold.db", kept / "newsfold.db")
            if self.inbox.root.exists():
                shutil.copytree(self.inbox.root, kept / "inbox")
            (kept / "dropped.json").write_bytes(orjson.dumps(self.dropped))

    def start_from(self, name: str) -> None:
        """Go back to what was kept; on PostgreSQL `empty` is all there is."""
        self.close()  # or what somebody left in the pool would go on with the file that is taken away here
        kept = self.folder / name
        shutil.rmtree(self.inbox.root, ignore_errors=True)
        self.dropped = Counter()
        self.pruned = 0
        if self.engine.dialect.name == "sqlite":
            for file in self.folder.glob("newsfold.db*"):
                file.unlink()
            shutil.copyfile(kept / "newsfold.db", self.folder / "newsfold.db")
            self._remember()
            if (kept / "inbox").exists():
                shutil.copytree(kept / "inbox", self.inbox.root)
            self.dropped.update(orjson.loads((kept / "dropped.json").read_bytes()))
        else:
            with writing(self.engine) as connection:
                tables = [table for table in Base.metadata.sorted_tables if table.info.get("only") != "sqlite"]
                names = ", ".join(table.name for table in tables)
                connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))

    def drop(self, files: Files) -> None:
        """Drop files as a careful sender does, one after the other."""
        self.inbox.create()
        for name, content in files.items():
            target = self.inbox.incoming / name
            target.parent.mkdir(parents=True, exist_ok=True)
            hidden = target.with_name(f".{target.name}")
            hidden.write_bytes(content)
            hidden.rename(target)
            self.dropped[name] += 1

    def live(self, blows_at: int | None = None, *, power: bool = False) -> Fuse:
        """Live until everything is done, or until the fuse blows; the points passed are in what is returned.

        `power`: it is the machine's fuse, and takes with it what SQLite had not waited for the disk to write.
        """
        with self.process(blows_at) as fuse, _wired(self.inbox, self.engine, fuse) as queue:
            _work(self.inbox, self.engine, queue)
        if power and fuse.blown:
            self._cut_power()
        return fuse

    @contextmanager
    def process(self, blows_at: int | None = None) -> Iterator[Fuse]:
        """A process that uses the engine, until it ends or the fuse blows."""
        fuse = self._fuse = Fuse(blows_at)
        never = {"SYNCED": "OFF", "UNSYNCED": "OFF"}  # what was synced is remembered instead
        driving = patch.object(dialect, "driving", self._driving)
        try:
            with suppress(DeathError), patch.multiple(models.engine, **never), driving:
                yield fuse
        finally:
            self._fuse = Fuse()
            self.close()

    def close(self) -> None:
        """Let go of the database, as the end of the process does."""
        for connection in self._raw:
            with suppress(Exception):
                connection.rollback()
            connection.close()
        self._raw.clear()
        self.engine.dispose()

    def export(self) -> bytes:
        """The canonical export."""
        try:
            return exported(self.engine)
        finally:
            self.close()

    def wrong(self) -> list[str]:
        """What does not add up once everything is done: nothing, one hopes."""
        try:
            return [
                *self._wrong_on_disk(self.engine), *_wrong_in_ledger(self.engine, self.dropped),
                *_wrong_rows(self.engine, self.pruned),
            ]  # fmt: skip
        finally:
            self.close()

    def _wrong_on_disk(self, engine: Engine) -> Iterator[str]:
        for folder in (self.inbox.incoming, self.inbox.processing):
            left = sorted(str(path) for path in folder.rglob("*") if path.is_file() or folder == self.inbox.processing)
            if left:
                yield f"left behind: {left}"
        litter = [str(path) for path in self.inbox.root.rglob(".*") if path.is_file()]
        if litter:
            yield f"litter: {litter}"
        done = [str(Path(*path.parts[1:])) for path in _below(self.inbox.done)]
        failed = [str(path) for path in _below(self.inbox.failed)]
        reports = {name.removesuffix(".error.json") for name in failed if name.endswith(".error.json")}
        failed = [name for name in failed if not name.endswith(".error.json")]
        # A second drop of the same name ends as NAME~1.
        ended = Counter(name.partition("~")[0] for name in done + failed)
        if ended != self.dropped:
            yield f"ended {ended - self.dropped} that nobody dropped, lost {self.dropped - ended}"
        if reports != set(failed):
            yield f"failed without report, or the other way round: {sorted(reports ^ set(failed))}"
        ledger = Counter(row["state"] for row in rows(engine, "SELECT state FROM deliveries"))
        if (ledger["done"], ledger["failed"]) != (len(done), len(failed)):
            yield f"the ledger has {dict(ledger)}, the disk {len(done)} done and {len(failed)} failed"


def _below(folder: Path) -> Iterator[Path]:
    return (path.relative_to(folder) for path in sorted(folder.rglob("*")) if path.is_file())


def _wrong_in_ledger(engine: Engine, dropped: Counter[str]) -> Iterator[str]:
    ledger = rows(engine, "SELECT path, state, received, new, duplicate, rejected, error FROM deliveries")
    listed = Counter(row["path"] for row in ledger)
    if listed != dropped:
        yield f"the ledger has {listed - dropped} too many and {dropped - listed} too few"
    for row in ledger:
        if row["state"] == "received" or row["received"] != row["new"] + row["duplicate"] + row["rejected"]:
            yield f"does not add up: {row}"
        if row["error"] and ("gave up" in row["error"] or "unexpected" in row["error"]):
            yield f"blamed for the plug: {row}"


def _wrong_rows(engine: Engine, pruned: int) -> Iterator[str]:
    for what, query in {
        "articles more than the ledger knows": f"SELECT (SELECT count(*) FROM articles) + {pruned} - "
        "(SELECT coalesce(sum(new), 0) FROM deliveries) AS n",
        "articles in no story, or in two": "SELECT (SELECT count(*) FROM articles) - count(*) + "
        "(SELECT count(*) - count(DISTINCT article_id) FROM story_members) AS n FROM story_members",
        "texts never linked": "SELECT count(*) AS n FROM texts WHERE NOT linked",
        "texts that never appeared": "SELECT count(*) AS n FROM texts WHERE id NOT IN (SELECT text_id FROM articles)",
        "stories without their canonical text": "SELECT count(*) AS n FROM stories s LEFT JOIN texts t "
        "ON t.id = s.canonical_text_id AND t.story_id = s.id WHERE t.id IS NULL",
        "stories that also redirect": "SELECT count(*) AS n FROM stories "
        "WHERE id IN (SELECT old_id FROM story_redirects)",
        "redirects that lead nowhere": "SELECT count(*) AS n FROM story_redirects "
        "WHERE new_id NOT IN (SELECT id FROM stories)",
    }.items():
        (row,) = rows(engine, query)
        if row["n"]:
            yield f"{row['n']} {what}"
    keys = posted(engine)
    if len(set(keys)) < len(keys):
        yield f"{len(keys) - len(set(keys))} postings that are there twice"
    strangers = {text for _, _, text in keys} - {row["id"] for row in rows(engine, "SELECT id FROM texts")}
    if strangers:
        yield f"keys of {len(strangers)} texts that are not there"


# --- a life -------------------------------------------------------------------------------------------------------


def _work(inbox: Inbox, engine: Engine, queue: deque[tuple[Callable[..., None], tuple[Any, ...]]]) -> None:
    inbox.create()
    watcher = Watcher(inbox, engine, 0.0)
    for _ in range(ROUNDS):
        watcher.scan()
        watcher.sweep()
        if not queue and not any(inbox.processing.iterdir()):
            return
        while queue:
            task, arguments = queue.popleft()
            task(*arguments)
    raise AssertionError(f"no end: {[str(path) for path in inbox.processing.rglob('*')]}")


@contextmanager
def _wired(inbox: Inbox, engine: Engine, fuse: Fuse) -> Iterator[deque[tuple[Callable[..., None], tuple[Any, ...]]]]:
    """Put the fuse everywhere, and a queue in memory where the broker would be."""
    queue: deque[tuple[Callable[..., None], tuple[Any, ...]]] = deque()
    pipelines: list[Pipeline] = []

    def opened() -> Pipeline:
        if not pipelines:
            pipelines.append(Pipeline.open(engine))
        return pipelines[0]

    root = SimpleNamespace(
        inbox=inbox,
        engine=lambda: engine,
        pipeline=opened,
        pulse=SimpleNamespace(stopping=False),
        queue_length=lambda: len(queue),
    )
    changes: list[Any] = [
        patch.object(tasks, "root", root),
        patch.object(parts, "random", random.Random(1)),  # a life that is lived again goes the same way
        patch.object(watch, "root", root),
        patch.object(tasks.ingest, "delay", lambda *args: queue.append((tasks.ingest, args))),
        patch.object(tasks.link, "delay", lambda *args: queue.append((tasks.link, args))),
        patch.object(watch, "monotonic", itertools.count(0.0, PATIENCE).__next__),
        patch.object(tasks, "SLICE", 0.0),  # every batch goes back to the queue as often as it can
        patch.object(pipeline, "CHUNK", CHUNK),
        patch.object(parts, "HEAD", CHUNK),
        patch.object(pipeline, "BIG", BIG),
        patch.object(parts, "RECORDS", PART),
        patch.object(pipeline, "parse_file", _parse_here),
        patch.object(parts, "parse_lines", parse_lines_here),
        *(_fused(name, inbox.root, fuse) for name in FILE_OPERATIONS),
    ]
    with _all(changes):
        yield queue


@contextmanager
def _all(changes: list[Any]) -> Iterator[None]:
    started = []
    try:
        for change in changes:
            change.start()
            started.append(change)
        yield
    finally:
        for change in reversed(started):
            change.stop()


def _fused(name: str, root: Path, fuse: Fuse) -> Any:
    """Replace a function of `os` by one with a fuse, for what lies below `root`."""
    original = getattr(os, name)

    def call(*args: Any, **kwargs: Any) -> Any:
        ours = name == "fsync" or str(args[0]).startswith(str(root))
        if not ours or (name == "open" and not args[1] & os.O_CREAT):
            return original(*args, **kwargs)
        fuse.alive()
        result = original(*args, **kwargs)
        try:
            fuse.point(f"{name} {args[0]}")
        except DeathError:
            if name == "open":
                os.close(result)
            raise
        return result

    return patch.object(os, name, call)


def _parse_here(stream: BinaryIO, name: str) -> Iterator[Article | Rejected]:
    """Parse in this process: a child a life would take most of the time."""
    yield from parse(stream, name)


def jsonl(*records: Record) -> bytes:
    """Records as JSON lines."""
    return b"".join(orjson.dumps(record) + b"\n" for record in records)
