"""Ingesting on all cores: processes that take groups of files, and parts of big ones, from one that reads and waits."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Self

from sqlalchemy import Engine

from models.engine import look, open_engine
from worker import ledger, parts, searching
from worker.core.errors import NewsfoldError
from worker.forks import end_with_parent
from worker.ledger import Drop, Entry
from worker.logs import configure_logs
from worker.parts import Part
from worker.pipeline import BIG, Outcome, Pipeline, describe, load

MOST = 4
"""Processes: SQLite has one writer at a time, and more of them would mostly wait for it."""
AHEAD = 2
"""Tasks a process that are sent before the first is back."""
PATIENT: Final = 10
"""The niceness of this process and of its parser, once the others run: it is ahead of them, and reads on while they
wait for the disk or for each other."""
SPOOLED = 16
"""Parts of a big file that wait to be drawn from: 64 MB at the most."""

Named = tuple[Path, str, str | None]
"""A file, the name it is known by, and its source."""
Group = Sequence[Named]


def described(group: Group) -> list[Drop]:
    """Describe files for the ledger, without those that are gone since they were listed."""
    drops = []
    for file in group:
        with suppress(FileNotFoundError):
            drops.append(describe(*file))
    return drops


def size(group: Group) -> int:
    """Bytes of all these files."""
    total = 0
    for file, _, _ in group:
        with suppress(OSError):
            total += file.lstat().st_size
    return total


class Hands:
    """The processes. Raises NewsfoldError when one dies; what it had goes on next time."""

    def __init__(self, pipeline: Pipeline, processes: int) -> None:
        """To be made before this process starts any thread: the others are forked from it, with all it has loaded."""
        self._pipeline = pipeline
        self._processes = processes
        self._sent: set[Future[Any]] = set()
        self._ended: list[Outcome] = []
        self._big: list[Drop] = []
        self._unsearched = 0
        self._count: Callable[[int], object] = lambda articles: None
        load()
        pipeline.engine.dispose()  # no two processes may hold one connection
        about = pipeline.engine.url.render_as_string(hide_password=False), pipeline.window
        self._pool = ProcessPoolExecutor(processes, get_context("fork"), initializer=_begin, initargs=about)
        self._pool.submit(os.getpid)  # has them start
        os.nice(PATIENT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    @staticmethod
    def available(engine: Engine) -> int:
        """How many processes are of use."""
        private = engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")
        return 1 if private else min(os.cpu_count() or 1, MOST)

    def ingest(self, groups: Sequence[Group], count: Callable[[int], object]) -> Iterator[Outcome]:
        """Ingest groups of files and yield how each ended; `count` hears of articles as they are linked."""
        self._count = count
        for group in groups:
            yield from self._files(group)
        self._wait(0)
        yield from self._said()
        for drop in self._big:
            yield from self._in_parts(drop)

    def _files(self, group: Group) -> Iterator[Outcome]:
        """Send a group of files; yield how others ended meanwhile."""
        big = [named for named in group if size([named]) >= BIG]
        yield from self._sort(self._pipeline.ingest(described(big), most=0))
        if small := [named for named in group if named not in big]:
            self._send(_ingest, small)
        yield from self._said()

    def _sort(self, outcomes: Iterator[Outcome]) -> Iterator[Outcome]:
        """Pass outcomes on, and put the big files aside."""
        for outcome in outcomes:
            if outcome.state == "received":
                self._big.append(outcome.drop)
            else:
                yield outcome

    def _in_parts(self, drop: Drop) -> Iterator[Outcome]:
        look_up = partial(ledger.known, claims={drop.claim: drop.file})
        entry = look(self._pipeline.engine, look_up)[drop.claim]
        with TemporaryDirectory(prefix="newsfold-") as name:
            folder = Path(name)
            for part in look(self._pipeline.engine, partial(parts.undone, delivery_ids=[entry.id], limit=None)):
                self._send(_work, entry, part, folder)  # of an attempt that died
            waiting: list[Part] = []

            def spooled(part: Part) -> None:
                waiting.append(part)
                self._collect(0)
                if len(self._sent) < AHEAD * self._processes or len(waiting) >= SPOOLED:
                    self._send(_work, entry, parts.draw(waiting), folder)

            parts.split(self._pipeline, entry, folder, spooled)
            while waiting:
                self._send(_work, entry, parts.draw(waiting), folder)
            self._fill()  # beside the last parts
            self._wait(0)
        yield from parts.close(self._pipeline, {entry.id: entry})

    def _send(self, task: Callable[..., Any], *arguments: object) -> None:
        """Send a task once few enough are on the way."""
        self._wait(AHEAD * self._processes - 1)
        self._sent.add(self._pool.submit(task, *arguments))

    def _wait(self, most: int) -> None:
        """Wait until no more than `most` tasks are on the way."""
        while len(self._sent) > most:
            self._collect()
        if self._unsearched >= searching.BATCH:
            self._fill()

    def _collect(self, seconds: float | None = None) -> None:
        """Wait, no longer than that, until a task is back; note what those that are back say."""
        done, self._sent = wait(self._sent, seconds, FIRST_COMPLETED)
        for future in done:
            try:
                outcomes, articles = future.result()
            except BrokenProcessPool as error:
                raise NewsfoldError(
                    "a process died, perhaps for lack of memory; the same command again goes on where it stopped"
                ) from error
            self._count(articles)
            self._unsearched += articles
            self._ended += outcomes

    def _fill(self) -> None:
        """Have the search told of what it has not heard of."""
        self._unsearched = 0
        self._sent.add(self._pool.submit(_fill))

    def _said(self) -> Iterator[Outcome]:
        ended, self._ended = self._ended, []
        yield from self._sort(iter(ended))


_own: list[Pipeline] = []
"""In a child: its pipeline."""


def _begin(database_url: str, window: int | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's affair
    end_with_parent()
    configure_logs()
    load()
    _own.append(Pipeline.open(open_engine(database_url), window))


def _ingest(group: Group) -> tuple[list[Outcome], int]:
    outcomes = list(_own[0].ingest(described(group), most=parts.HEAD))
    return outcomes, sum(one.received for one in outcomes)


def _fill() -> tuple[list[Outcome], int]:
    searching.fill_some(_own[0].engine)
    return [], 0


def _work(entry: Entry, part: Part, folder: Path) -> tuple[list[Outcome], int]:
    parts.work(_own[0], entry, part, folder, lambda articles: None)
    part.spool(folder).unlink(missing_ok=True)
    return [], part.records
