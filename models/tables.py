"""The tables. An exact copy is a second appearance of one text: a text is stored and matched once, articles link to it.

    deliveries 1─n articles n─1 texts n─1 stories        texts n─n texts through matches, texts 1─1 bodies

Nothing here follows arrival order but row numbers, `deliveries` and `received_at`.
"""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base


class IndexVersion(Base):
    """What the stored fingerprints and keys were made with; the newest row is the one in force."""

    __tablename__ = "index_versions"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime]


class StockLine(Base):
    """A line that one source repeats under unrelated stories, as the last rebuild found it (a key, not the words)."""

    __tablename__ = "stock_lines"

    key: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class Delivery(Base):
    """The ledger: one dropped file, and what became of every record in it."""

    __tablename__ = "deliveries"
    __table_args__ = (CheckConstraint("state in ('received', 'done', 'failed')", name="state"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    claim: Mapped[str] = mapped_column(unique=True)
    """Names the drop, not its content: batch and path of the claimed file, or the path and hash given to `ingest`."""
    path: Mapped[str]
    source: Mapped[str | None]
    sha256: Mapped[str | None] = mapped_column(index=True)
    size: Mapped[int | None] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(default="received")
    received: Mapped[int] = mapped_column(default=0)
    new: Mapped[int] = mapped_column(default=0)
    duplicate: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None]
    received_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    """Starts without progress since; a third that dies sends the file to quarantine."""
    position: Mapped[int] = mapped_column(default=0)
    """Records already stored, so that a big file goes on where a dead worker left it."""
    touched_at: Mapped[datetime]
    """Last sign of progress: the sweeper leaves a file alone while this moves."""


class Rejection(Base):
    """A record that was not taken, and why."""

    __tablename__ = "rejections"

    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True)
    record: Mapped[int] = mapped_column(primary_key=True)
    position: Mapped[str]
    reason: Mapped[str]


class Story(Base):
    """A canonical text and its variants. The id is public: it survives growth, re-election and merges."""

    __tablename__ = "stories"
    __table_args__ = {"sqlite_autoincrement": True}  # noqa: RUF012 - an id once shown is never given to another

    id: Mapped[int] = mapped_column(primary_key=True)
    canonical_text_id: Mapped[int] = mapped_column(index=True)
    """No foreign key: texts point here, and neither database likes a circle. `doctor` checks it."""


class StoryRedirect(Base):
    """Where the members of a merged story went."""

    __tablename__ = "story_redirects"

    old_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    new_id: Mapped[int] = mapped_column(index=True)


class StoryChange(Base):
    """What happened to a story, when, and because of which article. The order of arrival shows here and only here."""

    __tablename__ = "story_history"
    __table_args__ = (
        CheckConstraint("change in ('canonical', 'revision', 'merged', 'withdrawn', 'reinstated')", name="change"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    story_id: Mapped[int] = mapped_column(index=True)
    at: Mapped[datetime]
    change: Mapped[str]
    """`canonical`: another article leads; `revision`: a new version came in; `merged`: another story became part."""
    article_id: Mapped[int]
    previous_article_id: Mapped[int | None]
    """Which article led before, or which one the revision revises."""
    other_story_id: Mapped[int | None]
    """The story that was merged into this one."""


class Text(Base):
    """One normalised text and its place in a story: small, because it is written several times."""

    __tablename__ = "texts"

    id: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(16), unique=True)
    length: Mapped[int]
    """In words, headline included."""
    article_id: Mapped[int | None] = mapped_column(index=True)
    """The appearance that speaks for this text: the earliest plausible."""
    story_id: Mapped[int | None] = mapped_column(ForeignKey("stories.id"), index=True)
    relation: Mapped[str | None]
    """To the story's canonical text, or `canonical`."""
    jaccard: Mapped[float | None]
    containment: Mapped[float | None]
    withdrawn: Mapped[bool] = mapped_column(default=False)
    """Its item was killed by its agency, or it is an exact, near or syndicated copy of one that was."""
    revision: Mapped[int] = mapped_column(default=0)
    """Counts appearances taken in: a link decided on an older count is decided again."""
    linked: Mapped[bool] = mapped_column(default=False)


class Body(Base):
    """What a text says, and its fingerprint: large, and hardly ever written again."""

    __tablename__ = "bodies"

    text_id: Mapped[int] = mapped_column(
        ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    headline: Mapped[str]
    body: Mapped[str]
    """As it came with the first appearance; others that differ keep their own in `articles.text`."""
    words: Mapped[bytes]
    """The fingerprint's word hashes, little-endian uint32, headline first."""
    headline_words: Mapped[int]


# Only what is unfinished: the sweeper's list stays small however many texts there are.
Index("ix_texts_unlinked", Text.id, sqlite_where=text("linked = 0"), postgresql_where=text("NOT linked"))
UNLINKED: Final = Text.linked == false()
"""As that index has it: `is_(False)` would be `linked IS 0`, for which SQLite reads every row."""


class Unsearched(Base):
    """A text that the full-text search is still to be told of (`worker.searching`). No foreign key, as `TextKey`."""

    __tablename__ = "unsearched"

    text_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class TextKey(Base):
    """The candidate index on SQLite: sampled shingle hashes and LSH bands, a row for each key, text and day it appeared
    on (`worker.text_keys`). PostgreSQL has `KeyPage`.

    No foreign key: what takes texts away takes their rows, which it finds without a search.
    """

    __tablename__ = "text_keys"
    __table_args__ = {"sqlite_with_rowid": False, "info": {"only": "sqlite"}}  # noqa: RUF012 - the primary key is the table

    key: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """When it appeared (`worker.core.cells.place`)."""
    text_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class KeyPage(Base):
    """The candidate index on PostgreSQL, some dozens of postings in a row (`worker.key_pages`).

    A row has the postings from its own key, place and text on, up to the next row's.
    """

    __tablename__ = "key_pages"
    __table_args__ = {"info": {"only": "postgresql"}}  # noqa: RUF012

    key: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    place: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    text_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes]
    """`worker.core.pages.pack`."""


class PostingRun(Base):
    """Postings that are not entered in the index yet, some thousands in a row (`worker.postings`)."""

    __tablename__ = "posting_runs"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """Drawn at random: processes keep runs by it."""
    shard: Mapped[int]
    postings: Mapped[int]
    data: Mapped[bytes]
    """Sorted, column by column (`worker.core.runs.pack`)."""


class KeyFilter(Base):
    """Which keys of one shard may be entered in the index: all others need not be looked for (`worker.filters`)."""

    __tablename__ = "key_filters"

    shard: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    version: Mapped[int] = mapped_column(BigInteger)
    """Drawn at random whenever it changes: processes keep filters by it. 0 is the empty one."""
    data: Mapped[bytes]
    """`worker.core.bloom.pack`."""


class HalvedCell(Base):
    """A cell of a common key that held too many texts and was halved (`worker.core.cells`)."""

    __tablename__ = "halved_cells"
    __table_args__ = (
        UniqueConstraint("key", "cell"),
        {"sqlite_autoincrement": True},  # an id once given is never given again
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    """In the order of commits: whoever halves does so alone. Processes read what is new by it (`worker.halved`)."""
    key: Mapped[int] = mapped_column(Integer)
    cell: Mapped[int] = mapped_column(BigInteger)


class Article(Base):
    """One appearance of a text: who published it, where and when."""

    __tablename__ = "articles"
    __table_args__ = (
        # By text first: where a new one is entered is where the last one was, however many there are.
        UniqueConstraint("text_id", "key"),
        Index("ix_articles_source_external_id", "source", "external_id"),
        Index("ix_articles_published_at", "published_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[bytes] = mapped_column(LargeBinary(16))
    """Hash over every field that identifies the appearance, its text among them: the same article twice is one row."""
    text_id: Mapped[int] = mapped_column(ForeignKey("texts.id"))
    delivery_id: Mapped[int] = mapped_column(ForeignKey("deliveries.id"), index=True)
    external_id: Mapped[str | None]
    source: Mapped[str | None]
    url: Mapped[str | None]
    headline: Mapped[str]
    byline: Mapped[str | None]
    published_at: Mapped[datetime | None]
    updated_at: Mapped[datetime | None]
    received_at: Mapped[datetime]
    language: Mapped[str | None]
    version: Mapped[str | None]
    status: Mapped[str]
    embargoed_until: Mapped[datetime | None]
    credit: Mapped[str | None]
    dateline: Mapped[str | None]
    item: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    """Hash of source and external id: the versions of one item share it, and are found by those."""
    link: Mapped[bytes | None] = mapped_column(LargeBinary(16), index=True)
    """Hash of the canonical URL."""
    text: Mapped[str | None]
    """Only where it differs from `bodies.body`."""
    extra: Mapped[dict[str, Any]] = mapped_column("metadata")


Index(
    "ix_articles_cancelled",
    Article.item,
    sqlite_where=text("status = 'cancelled'"),
    postgresql_where=text("status = 'cancelled'"),
)


class Match(Base):
    """Two texts, how they are related, and the evidence for it. `text_a` is the one with the smaller id."""

    __tablename__ = "matches"

    text_a: Mapped[int] = mapped_column(ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True)
    text_b: Mapped[int] = mapped_column(ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True, index=True)
    relation: Mapped[str]
    strength: Mapped[float]
    jaccard: Mapped[float]
    containment_a: Mapped[float]
    containment_b: Mapped[float]
    shared_words: Mapped[int]
    longest_passage: Mapped[int]
    passages: Mapped[list[Any]]
    """[start in a, start in b, words], longest first, counted in words of the normalised texts."""
    reasons: Mapped[list[Any]]
    shared_keys: Mapped[int | None]
    """What the index keys count that lead from one to the other; null of versions of one item: none are asked for."""
    firm: Mapped[bool]
    """Whether common keys count for the match (`worker.core.match.is_firm`); otherwise they count against it."""
    index_version: Mapped[int] = mapped_column(ForeignKey("index_versions.id"))


class Part(Base):
    """Some records of a big file that is being worked off; the rows go when the file has reached its end."""

    __tablename__ = "parts"

    delivery_id: Mapped[int] = mapped_column(
        ForeignKey("deliveries.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    first: Mapped[int]
    """Records of the file that come before."""
    records: Mapped[int]
    position: Mapped[int] = mapped_column(default=0)
    """Of its records so many are stored or rejected; all of them: it is done."""
    attempts: Mapped[int] = mapped_column(default=0)
    """Starts without progress since."""
    last: Mapped[bool]
    error: Mapped[str | None]
    """Of the last part: why the file could not be read any further."""


class LinkAttempt(Base):
    """A text that was left unlinked, and how often linking it was tried since; gone once it is linked."""

    __tablename__ = "link_attempts"

    text_id: Mapped[int] = mapped_column(
        ForeignKey("texts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    attempts: Mapped[int]
