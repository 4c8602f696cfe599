"""From a file to stories: parse, prepare, store, link, close. The same path for `ingest`, `run` and the workers."""

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Self

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import OperationalError

from models.dialect import insert_new, one_of
from models.engine import look, reading, transact
from models.tables import Article as ArticleRow
from models.tables import IndexVersion, StockLine, Text
from worker import inbox, ledger, linking, store
from worker.core.article import Article, Rejected
from worker.core.boilerplate import without
from worker.core.errors import NewsfoldError, ParseError
from worker.core.fingerprint import INDEX_VERSION, fingerprint
from worker.core.language import language_of
from worker.core.normalise import canonical_url, normalise
from worker.sandbox import SandboxError, parse_file

log = structlog.get_logger()

CHUNK = 256
"""Articles a transaction: large enough to share its cost, small enough to repeat after a crash."""
CHUNK_CHARACTERS = 2 << 20
"""... and as many characters at the most, so that a file of books takes no more memory than one of briefs."""
LONGEST_CLAIM = 1_000
"""Bytes. PostgreSQL takes 2,704 in an index entry, and a path may have 4,096."""


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


@dataclass(slots=True)
class _Open:
    """A file being worked on."""

    entry: ledger.Entry
    position: int = 0
    waiting: list[store.Incoming] = field(default_factory=list)
    rejected: list[tuple[int, str, str]] = field(default_factory=list)
    error: str | None = None


class Pipeline:
    """The two transactions, and the order in which files go through them."""

    def __init__(self, engine: Engine, index_version: int, stock: frozenset[int]) -> None:
        self._engine = engine
        self._index_version = index_version
        self._stock = stock

    @classmethod
    def open(cls, engine: Engine) -> Self:
        """Check the index version, entering it when the database is new. Raises IndexVersionError."""
        with reading(engine) as connection:
            newest = select(IndexVersion.id, IndexVersion.name).order_by(IndexVersion.id.desc())
            row = connection.execute(newest).first()
            stock = frozenset(connection.scalars(select(StockLine.key)))
        if row is None:
            entry = {"name": index_name(stock), "created_at": datetime.now(UTC)}
            transact(engine, lambda connection: connection.execute(insert_new(connection, IndexVersion), entry))
            return cls.open(engine)
        if row.name != index_name(stock):
            raise IndexVersionError(
                f"the database is indexed as {row.name!r}, this newsfold makes {index_name(stock)!r}: "
                "run `newsfold rebuild`"
            )
        return cls(engine, row.id, stock)

    def ingest(
        self, drops: Sequence[ledger.Drop], progress: Callable[[int], object] = lambda articles: None
    ) -> Iterator[Outcome]:
        """Ingest files and yield how each ended, after it is in the database for good.

        `progress` hears of articles as they are linked. Files share transactions at their first attempt; when that
        fails in a way nobody foresaw, or the worker died, each is tried alone, so that it takes no other down.
        """
        entries = transact(self._engine, lambda connection: ledger.open_entries(connection, drops))
        ended = [entry for entry in entries if entry.state != "received"]
        left = [entry for entry in entries if entry.state == "received"]
        given_up = [entry for entry in left if entry.attempts >= ledger.ATTEMPTS]
        fresh = [entry for entry in left if not entry.attempts]
        alone = [entry for entry in left if 0 < entry.attempts < ledger.ATTEMPTS]
        yield from self._outcomes(ended)
        reason = f"gave up after {ledger.ATTEMPTS} attempts: each time the worker died on it"
        yield from self._close([_Open(entry, error=reason) for entry in given_up], link=False)
        finished = set()
        try:
            for outcome in self._together(fresh, progress):
                finished.add(outcome.drop.claim)
                yield outcome
        except (OperationalError, SandboxError):
            raise
        except Exception:
            log.exception("batch failed, its files are tried one by one", files=len(fresh))
        for entry in [one for one in fresh if one.drop.claim not in finished] + alone:
            yield from self._alone(entry, progress)

    def link(self, text_ids: Sequence[int]) -> None:
        """Link texts that are stored already."""
        linking.link(self._engine, text_ids, self._index_version)

    def _alone(self, entry: ledger.Entry, progress: Callable[[int], object]) -> Iterator[Outcome]:
        try:
            yield from self._together([entry], progress)
        except (OperationalError, SandboxError):  # the database's or the machine's fault, not the file's
            raise
        except Exception as error:
            log.exception("file failed", path=entry.drop.path)
            reason = f"unexpected {type(error).__name__}; the log of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC says more"
            yield from self._close([_Open(entry, error=reason)])

    def _together(self, entries: Sequence[ledger.Entry], progress: Callable[[int], object]) -> Iterator[Outcome]:
        transact(self._engine, lambda connection: ledger.count_attempt(connection, entries))
        waiting: list[_Open] = []
        articles = characters = 0
        for entry in entries:
            file = _Open(entry)
            waiting.append(file)
            for found in _read(file, self._stock):
                file.waiting.append(found)
                articles += 1
                characters += len(found.prepared.article.text)
                if articles >= CHUNK or characters >= CHUNK_CHARACTERS:
                    self._commit(waiting, progress)
                    yield from self._close(waiting[:-1])
                    waiting, articles, characters = [file], 0, 0
        self._commit(waiting, progress)
        yield from self._close(waiting)

    def _commit(self, files: Sequence[_Open], progress: Callable[[int], object]) -> None:
        """Store and link what waits: transaction one, then transaction two."""
        batch = [one for file in files for one in file.waiting]

        def work(connection: Connection) -> list[int]:
            unlinked = store.add(connection, batch) if batch else []
            ledger.advance(connection, [ledger.Advance(file.entry.id, file.position, file.rejected) for file in files])
            return unlinked

        self.link(transact(self._engine, work))
        for file in files:
            file.waiting, file.rejected = [], []
        progress(len(batch))

    def _close(self, files: Sequence[_Open], *, link: bool = True) -> Iterator[Outcome]:
        """Link what attempts that died left unlinked, unless linking may be what they died of; add the files up."""
        if not files:
            return
        tried = [file.entry.id for file in files if file.entry.attempts]
        if tried and link:
            self.link(look(self._engine, partial(_unlinked, delivery_ids=tried)))
        errors = {file.entry.id: file.error for file in files}
        transact(self._engine, lambda connection: ledger.close(connection, errors))
        yield from self._outcomes([file.entry for file in files])

    def _outcomes(self, entries: Sequence[ledger.Entry]) -> Iterator[Outcome]:
        rows = look(self._engine, lambda connection: ledger.entry_rows(connection, [entry.id for entry in entries]))
        for entry in entries:
            row = rows[entry.id]
            counts = row.received, row.new, row.duplicate, row.rejected
            yield Outcome(entry.drop, row.state, *counts, row.error, row.finished_at)


def _unlinked(connection: Connection, delivery_ids: Sequence[int]) -> list[int]:
    left = select(Text.id).join(ArticleRow, ArticleRow.text_id == Text.id).distinct()
    mine = one_of(connection, ArticleRow.delivery_id, delivery_ids)
    return list(connection.scalars(left.where(mine, Text.linked.is_(False))))


def _read(file: _Open, stock: Collection[int]) -> Iterator[store.Incoming]:
    """Parse and prepare a file's records, past those stored by an earlier attempt; note rejections and the error."""
    entry = file.entry
    try:
        with (
            open_regular(entry.drop.file) as stream,
            closing(parse_file(stream, Path(entry.drop.path).name)) as records,
        ):
            for number, record in enumerate(records, start=1):
                file.position = number
                if number <= entry.position:
                    continue
                if isinstance(record, Rejected):
                    file.rejected.append((number, record.position, record.reason))
                else:
                    yield store.Incoming(prepare(record, entry.drop.source, stock), entry.id, entry.received_at)
    except ParseError as error:
        file.error = str(error)
    except OSError as error:
        file.error = f"cannot be read: {error.strerror}"


def index_name(stock: Collection[int]) -> str:
    """Name what texts are indexed with: the fingerprint's version, and the stock lines that were left out."""
    if not stock:
        return INDEX_VERSION
    lines = hashlib.blake2b(repr(sorted(stock)).encode(), digest_size=4).hexdigest()
    return f"{INDEX_VERSION};stock-{lines}"


def prepare(article: Article, source: str | None, stock: Collection[int]) -> store.Prepared:
    """Everything about an article that needs no database: metadata read from the text, fingerprint, identity.

    `stock` holds the keys of the lines that are its source's boilerplate; the stored text keeps them.
    """
    article = replace(article, source=article.source or source)
    normal = normalise(replace(article, text=without(article.source, article.text, stock)))
    article = replace(
        article,
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
    claim = claim or f"{sha256 or ''}:{path}"
    if len(claim.encode()) > LONGEST_CLAIM:
        claim = f"{claim[:200]}…{hashlib.blake2b(claim.encode(), digest_size=16).hexdigest()}"
    return ledger.Drop(file, path, claim, source, size, sha256)
