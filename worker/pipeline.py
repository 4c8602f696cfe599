"""From a file to stories: parse, prepare, store, link, close. The same path for `ingest`, `run` and the workers."""

import ctypes
import gc
import hashlib
import os
import stat
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, partial
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryFile
from types import MappingProxyType
from typing import Self

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from models.dialect import insert_new
from models.engine import look, reading, transact, writing
from models.tables import IndexVersion, StockLine
from worker import inbox, ledger, leftovers, linking, store
from worker.core.article import Article, Rejected
from worker.core.boilerplate import without
from worker.core.errors import NewsfoldError, ParseError
from worker.core.fingerprint import fingerprint, index_name
from worker.core.language import language_of
from worker.core.normalise import canonical_url, normalise
from worker.known import Fresh
from worker.sandbox import SandboxError, parse_file

log = structlog.get_logger()

CHUNK = 1024
"""Articles a transaction: large enough to share its cost, small enough to repeat after a crash."""
CHUNK_CHARACTERS = 4 << 20
"""... and as many characters at the most, so that a file of books takes no more memory than one of briefs."""
BIG = 2 << 20
"""Bytes from which a file goes in parts from its first record on, where files do."""
LONGEST_CLAIM = 1_000
"""Bytes. PostgreSQL takes 2,704 in an index entry, and a path may have 4,096."""


COLLECT = (50_000, 20, 50)
"""How often cycles are looked for (`gc.set_threshold`): rows come and go by the thousand, and hold none."""
LARGE = 4 << 20
"""Bytes from which glibc is to ask the system for an array, and give it back (`M_MMAP_THRESHOLD`). By itself it raises
that to 32 MB, and what a batch reads lies about in a heap that grows for hours: 230 MB a process instead of 180."""
_M_MMAP_THRESHOLD = -3
"""As glibc's malloc.h has it."""


class IndexVersionError(NewsfoldError):
    """The database was indexed by another version. Raised when a pipeline opens; `newsfold rebuild` mends it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file ended."""

    drop: ledger.Drop
    state: str
    received: int
    new: int
    duplicate: int
    rejected: int
    error: str | None
    finished_at: datetime
    """Of a file still `received`, which goes on in parts: when it was touched last."""


class PauseError(BaseException):
    """The time for these files is over. Not an Exception: nobody is to take it for their fault."""


BLAMELESS = (OperationalError, SandboxError, PauseError)
"""What ends an attempt through the database's, the machine's or nobody's fault."""


@dataclass(slots=True)
class Open:
    """A file being worked on, or a part of one."""

    entry: ledger.Entry
    part: int | None = None
    position: int = 0
    waiting: list[store.Incoming] = field(default_factory=list)
    rejected: list[tuple[int, str, str]] = field(default_factory=list)
    error: str | None = None
    big: bool = False
    """Whether it was left off after so many records that the rest goes in parts."""


class Pipeline:
    """The two transactions, and the order in which files go through them."""

    def __init__(self, engine: Engine, index_version: int, stock: frozenset[int], window: int | None) -> None:
        self.engine = engine
        self.window = window
        self._index_version = index_version
        self._stock = stock

    @classmethod
    def open(cls, engine: Engine, window: int | None = None) -> Self:
        """Check the index version, entering it when the database is new. Raises IndexVersionError.

        `window`: days between publications beyond which texts are not compared; None compares them all.
        """
        with reading(engine) as connection:
            newest = select(IndexVersion.id, IndexVersion.name).order_by(IndexVersion.id.desc())
            row = connection.execute(newest).first()
            stock = frozenset(connection.scalars(select(StockLine.key)))
        if row is None:
            entry = {"name": index_name(stock, window), "created_at": datetime.now(UTC)}
            transact(engine, lambda connection: connection.execute(insert_new(connection, IndexVersion), entry))
            return cls.open(engine, window)
        if row.name != index_name(stock, window):
            raise IndexVersionError(
                f"the database is indexed as {row.name!r}, this newsfold makes {index_name(stock, window)!r}: "
                "run `newsfold rebuild`"
            )
        return cls(engine, row.id, stock, window)

    def ingest(
        self,
        drops: Sequence[ledger.Drop],
        progress: Callable[[int], object] = lambda articles: None,
        most: int | None = None,
    ) -> Iterator[Outcome]:
        """Ingest files and yield how each ended, after it is in the database for good.

        `progress` hears of articles as they are linked, and may raise PauseError. Files share transactions at their
        first attempt; when that fails in a way nobody foresaw, or the worker died, each is tried alone, so that it
        takes no other down. A file of more than `most` records is left off after those, and one of `BIG` bytes before
        them, with the state `received`: the rest is for `worker.parts`.
        """
        entries, fresh = transact(self.engine, partial(_begin, drops=drops, most=most), synced=False)
        ended = [entry for entry in entries if entry.state != "received" or is_big(entry, most)]
        left = [entry for entry in entries if entry.state == "received" and not is_big(entry, most)]
        given_up = [entry for entry in left if entry.attempts >= ledger.ATTEMPTS]
        alone = [entry for entry in left if 0 < entry.attempts < ledger.ATTEMPTS]
        yield from look(self.engine, partial(_outcomes, entries=ended)) if ended else ()
        reason = f"{ledger.GAVE_UP}: each time the worker died on it"
        yield from self._close([Open(entry, error=reason) for entry in given_up], link=False)
        finished = set()
        try:
            for outcome in self._together(fresh, progress, most):
                finished.add(outcome.drop.claim)
                yield outcome
        except BLAMELESS:
            self.take_back([one for one in fresh if one.drop.claim not in finished])
            raise
        except Exception:
            log.exception("batch failed, its files are tried one by one", files=len(fresh))
        for entry in [one for one in fresh if one.drop.claim not in finished] + alone:
            yield from self._alone(entry, progress, most)

    def take_back(self, entries: Sequence[ledger.Entry]) -> None:
        """Uncount an attempt, if the database can be reached at once."""
        self.quickly(partial(ledger.take_back, entries=entries))

    def quickly(self, work: Callable[[Connection], object]) -> None:
        """Do what is good to have, if the database can be reached at once."""
        with suppress(SQLAlchemyError), writing(self.engine) as connection:
            work(connection)

    def link(
        self,
        text_ids: Sequence[int],
        fresh: Mapping[int, Fresh] = MappingProxyType({}),
        finish: Callable[[Connection], object] | None = None,
    ) -> None:
        """Link texts that are stored already; `fresh`: what is known of those that were stored just now.

        `finish` is called in the transaction that links the last of them.
        """
        linking.link(self.engine, text_ids, self._index_version, self.window, fresh, finish)

    def relink(self, text_ids: Sequence[int]) -> None:
        """Link texts that were left unlinked: together once, then one by one; a text is given up after three attempts.

        Linking may be what their worker died of, so each attempt is counted before it is made.
        """
        for start in range(0, len(text_ids), CHUNK):
            self._relink(text_ids[start : start + CHUNK])

    def _relink(self, text_ids: Sequence[int]) -> None:
        known = look(self.engine, partial(leftovers.tried, text_ids=text_ids))
        fresh = [text for text, times in known.items() if not times]
        for group in [fresh, *([text] for text, times in known.items() if times)]:
            transact(self.engine, partial(leftovers.count, text_ids=group), synced=False)
            try:
                self.link(group)
            except OperationalError:
                raise
            except Exception:
                log.exception("texts cannot be linked", texts=len(group))
            else:
                transact(self.engine, partial(leftovers.forget, text_ids=group))

    def _alone(self, entry: ledger.Entry, progress: Callable[[int], object], most: int | None) -> Iterator[Outcome]:
        transact(self.engine, partial(ledger.count_attempt, entries=[entry]), synced=False)
        try:
            yield from self._together([entry], progress, most)
        except BLAMELESS:
            self.take_back([entry])
            raise
        except Exception as error:
            log.exception("file failed", path=entry.drop.path)
            yield from self._close([Open(entry, error=unexpected(error))])

    def _together(
        self, entries: Sequence[ledger.Entry], progress: Callable[[int], object], most: int | None
    ) -> Iterator[Outcome]:
        waiting: list[Open] = []
        articles = characters = 0
        for entry in entries:
            file = Open(entry)
            waiting.append(file)
            for found in self._read(file, most):
                file.waiting.append(found)
                articles += 1
                characters += len(found.prepared.article.text)
                if articles >= CHUNK or characters >= CHUNK_CHARACTERS:
                    yield from self.commit(waiting, progress, waiting[:-1])
                    waiting, articles, characters = [file], 0, 0
        yield from self.commit(waiting, progress, waiting)

    def commit(
        self, files: Sequence[Open], progress: Callable[[int], object], ended: Sequence[Open] = ()
    ) -> list[Outcome]:
        """Store and link what waits: transaction one, then transaction two, which closes those that `ended`.

        Of these the ones that were tried before are closed after that, once what was left unlinked is linked.
        """
        batch = [one for file in files for one in file.waiting]
        reached = [ledger.Advance(file.entry.id, file.position, file.rejected, file.part) for file in files]

        def work(connection: Connection) -> store.Stored | None:
            stored = store.add(connection, batch) if batch else None
            ledger.advance(connection, reached)
            return stored

        fresh = [file for file in ended if not file.entry.attempts]
        outcomes: list[Outcome] = []

        def finish(connection: Connection) -> None:
            outcomes[:] = _closed(connection, fresh)

        if files:
            stored = transact(self.engine, work, synced=False)
            targets, known = store.to_link(batch, stored) if stored else ([], {})
            self.link(targets, known, finish if fresh else None)
        outcomes += self._close([file for file in ended if file.entry.attempts])
        for file in files:
            file.waiting, file.rejected = [], []
        progress(len(batch))
        return outcomes

    def prepare(self, article: Article, entry: ledger.Entry) -> store.Incoming:
        """Make an article of a file ready to store."""
        return store.Incoming(prepare(article, entry.drop.source, self._stock), entry.id, entry.received_at)

    def close(self, entry: ledger.Entry, finish: Callable[[Connection], str | None]) -> Iterator[Outcome]:
        """Close a file that was worked off in parts, once what they left unlinked is linked.

        `finish` sets the file's position, and returns its error if it had one.
        """
        left = self._catch_up([entry.id])

        def end(connection: Connection) -> list[Outcome]:
            ledger.close(connection, {entry.id: finish(connection) or left.get(entry.id)})
            return _outcomes(connection, [entry])

        yield from transact(self.engine, end)

    def _catch_up(self, delivery_ids: Sequence[int]) -> dict[int, str]:
        """Link what files left unlinked; return the error of those with texts that cannot be linked."""
        self.relink(look(self.engine, partial(leftovers.unlinked, delivery_ids=delivery_ids)))
        left = look(self.engine, partial(leftovers.stuck, delivery_ids=delivery_ids))
        return {i: f"unexpected: {texts} of its texts are stored and cannot be linked" for i, texts in left.items()}

    def _close(self, files: Sequence[Open], *, link: bool = True) -> list[Outcome]:
        """Close files of which an attempt died: link what it left unlinked, unless linking may be what it died of."""
        left = self._catch_up([file.entry.id for file in files if not file.big]) if files and link else {}
        return transact(self.engine, partial(_closed, files=files, left=left)) if files else []

    def _read(self, file: Open, most: int | None) -> Iterator[store.Incoming]:
        """Parse and prepare a file's records, past those an earlier attempt stored; note rejections and the error."""
        entry = file.entry
        try:
            with closing(records(entry, entry.position)) as found:
                for number, record in found:
                    file.position = number
                    if isinstance(record, Rejected):
                        file.rejected.append((number, record.position, record.reason))
                    else:
                        yield self.prepare(record, entry)
                    if number == most:
                        file.big = True
                        return
        except ParseError as error:
            file.error = str(error)
        except OSError as error:
            file.error = f"cannot be read: {error.strerror}"


def _closed(
    connection: Connection, files: Sequence[Open], left: Mapping[int, str] = MappingProxyType({})
) -> list[Outcome]:
    """Add up the files that are at their end; return how all of them stand. `left`: why they cannot be linked."""
    if errors := {file.entry.id: file.error or left.get(file.entry.id) for file in files if not file.big}:
        ledger.close(connection, errors)
    return _outcomes(connection, [file.entry for file in files])


def _outcomes(connection: Connection, entries: Sequence[ledger.Entry]) -> list[Outcome]:
    rows = ledger.entry_rows(connection, [entry.id for entry in entries]) if entries else {}
    return [
        Outcome(
            entry.drop, row.state, row.received, row.new, row.duplicate, row.rejected, row.error,
            row.finished_at or row.touched_at,
        )
        for entry in entries
        for row in (rows[entry.id],)
    ]  # fmt: skip


def _begin(
    connection: Connection, drops: Sequence[ledger.Drop], most: int | None
) -> tuple[list[ledger.Entry], list[ledger.Entry]]:
    """Enter files in the ledger; return all their entries, and those that are new: counted as tried from here on."""
    entries = ledger.open_entries(connection, drops)
    fresh = [one for one in entries if one.state == "received" and not one.attempts and not is_big(one, most)]
    ledger.count_attempt(connection, fresh)
    return entries, fresh


def is_big(entry: ledger.Entry, most: int | None) -> bool:
    """Whether the rest of a file is for `worker.parts`: it has so many bytes, or more records than `most`."""
    return most is not None and (entry.position >= most or (entry.drop.size or 0) >= BIG)


def unexpected(error: Exception) -> str:
    """Say that what went wrong was not foreseen, and where to read on."""
    return f"unexpected {type(error).__name__}; the log of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC says more"


def records(entry: ledger.Entry, past: int) -> Generator[tuple[int, Article | Rejected], None, None]:
    """Parse a file; yield its records past the first so many, each with its number, from 1.

    Raises ParseError, OSError and SandboxError like `worker.sandbox.parse_file`.
    """
    name = Path(entry.drop.path).name
    with open_regular(entry.drop.file) as stream, closing(parse_file(stream, name)) as found:
        for number, record in enumerate(found, start=1):
            if number > past:
                yield number, record


@cache
def load() -> None:
    """Load what the first article would wait for, once a process.

    It stays, and the collector of cycles need not go through it again and again: that took a tenth of the time.
    """
    text = "to fold the news of a long day into stories " * 8
    print_ = prepare(Article(text=text, source="a.example", url="https://a.example/1"), None, ()).fingerprint
    linking.warm_up(print_.words, print_.headline_words)
    gc.freeze()
    gc.set_threshold(*COLLECT)
    with suppress(OSError, AttributeError):  # other C libraries have no such thing
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)


@cache
def warm_up() -> None:
    """Load, and start the process that parses: once a process.

    An attempt counts from the file's beginning; a worker that is killed while it still starts has not died of the file.
    """
    load()
    with TemporaryFile() as file, suppress(ParseError, SandboxError):
        file.write(b'{"title": "Ready", "text": "The parser is ready."}')
        file.flush()
        list(parse_file(file, "ready.json"))


def prepare(article: Article, source: str | None, stock: Collection[int]) -> store.Prepared:
    """Everything about an article that needs no database: metadata read from the text, fingerprint, identity.

    `stock` holds the keys of the lines that are its source's boilerplate; the stored text keeps them.
    """
    source = article.source or source
    text = without(source, article.text, stock)
    normal = normalise(article if text == article.text else article._replace(text=text))
    article = article._replace(
        source=source,
        byline=article.byline or normal.byline,
        dateline=article.dateline or normal.dateline,
        credit=normal.credit,
        published_at=normal.published_at,
        language=article.language or language_of(article.text),
    )
    print_ = fingerprint(normal.headline, normal.body)
    item = store.short_hash(article.source, article.external_id) if article.external_id else None
    link = store.short_hash(canonical_url(article.url)) if article.url else None
    return store.Prepared(article, print_, store.article_key(article), item, link)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file, and nothing that only looks like one: no link, pipe or device. Raises ParseError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ParseError("not a regular file")
    return os.fdopen(descriptor, "rb")


def describe(file: Path, path: str, source: str | None, claim: str | None = None) -> ledger.Drop:
    """Make the ledger's description of a file; without a claim, path and content name the drop.

    A file that cannot be read is described too: the ledger will say why. Raises FileNotFoundError.
    """
    source = source and inbox.printable(Path(source))
    sha256 = size = None
    try:
        with open_regular(file) as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
            size = os.fstat(stream.fileno()).st_size
    except FileNotFoundError:
        raise
    except (OSError, ParseError):
        pass
    return ledger.Drop(file, path, claim_name(claim or f"{sha256 or ''}:{path}"), source, size, sha256)


def claim_name(claim: str) -> str:
    """Shorten a claim that is too long for an index."""
    if len(claim.encode()) <= LONGEST_CLAIM:
        return claim
    return f"{claim[:200]}…{hashlib.blake2b(claim.encode(), digest_size=16).hexdigest()}"
