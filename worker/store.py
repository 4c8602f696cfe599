"""Transaction one: articles, texts and index keys, committed before anyone looks for candidates.

Measured on twins that arrive at the same moment: query then insert misses 462 of 500; insert, commit, then query in
a second transaction misses none. So nothing here looks for candidates, and nothing in `linking` posts.
"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection, bindparam, select, update

from models.dialect import insert_missing, insert_new, insert_rows, lock_store, new_ids, one_of
from models.tables import UNLINKED, Body, Text, Unsearched
from models.tables import Article as ArticleRow
from worker import postings
from worker.core.article import Article, came_out
from worker.core.cells import place
from worker.core.fingerprint import DEFAULT_SEED, Fingerprint
from worker.core.runs import Postings, ordered
from worker.known import Appearance, Fresh, know

_UNLINKED = select(Text.id).where(one_of(Text.id, "ids"), UNLINKED).order_by(Text.id)
_BODIES = select(Body.text_id, Body.body).where(one_of(Body.text_id, "ids"))
_STORED_WORDS = select(Body.text_id, Body.words).where(one_of(Body.text_id, "ids"))
_GROWN = update(Text).where(one_of(Text.id, "ids")).values(revision=Text.revision + 1, linked=False)
_HEARD = (
    update(ArticleRow)
    .where(ArticleRow.text_id == bindparam("of"), ArticleRow.key == bindparam("again"))
    .where(ArticleRow.received_at > bindparam("heard"))
    .values(received_at=bindparam("heard"))
)

Posting = tuple[int, int]
"""A text, and a place where its keys are posted."""


class Prepared(NamedTuple):
    """An article ready to store: everything about it that needs no database."""

    article: Article
    fingerprint: Fingerprint
    key: bytes
    item: bytes | None
    link: bytes | None


class Incoming(NamedTuple):
    """A prepared article and the delivery it came with."""

    prepared: Prepared
    delivery_id: int
    received_at: datetime


def article_key(article: Article) -> bytes:
    """Hash what makes an appearance this one and no other; `metadata` (comment counts and the like) is not part."""
    identity = [
        article.source,
        article.external_id,
        article.url,
        article.version,
        article.headline,
        article.byline,
        article.text,
        article.status,
        article.published_at,
        article.updated_at,
        article.embargoed_until,
        article.credit,
        article.dateline,
        article.language,
    ]
    return hashlib.blake2b(orjson.dumps(identity), digest_size=16).digest()


def short_hash(*parts: str | None) -> bytes:
    """Hash the parts of an identity to 16 bytes."""
    return hashlib.blake2b(orjson.dumps(parts), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Texts:
    """The texts of a batch: their ids by digest, and the bodies of those that were not there before."""

    ids: Mapping[bytes, int]
    new: Mapping[int, str]


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch."""

    texts: Texts
    articles: Mapping[bytes, int]
    """The ids of those that are new, by key."""
    left: Collection[int]
    """Texts that were there before and are not linked yet."""


def add(connection: Connection, batch: Sequence[Incoming]) -> Stored:
    """Store what is new of `batch`. Idempotent."""
    lock_store(connection, alone=False)
    texts = add_texts(connection, batch)
    articles = _add_articles(connection, batch, texts)
    # Only what is new: an article that comes again is posted where it came out when it was first heard of.
    post(connection, [one for one in batch if one.prepared.key in articles], texts)
    others = sorted(set(texts.ids.values()) - texts.new.keys())
    return Stored(texts, articles, list(connection.scalars(_UNLINKED, {"ids": others})) if others else [])


def add_texts(connection: Connection, batch: Sequence[Incoming]) -> Texts:
    """Store texts as far as they are missing. A new one counts one appearance, which the caller is to store."""
    by_digest: dict[bytes, Prepared] = {}
    for one in (incoming.prepared for incoming in batch):
        known = by_digest.setdefault(one.fingerprint.digest, one)
        if known is not one and stored_words(one) < stored_words(known):
            by_digest[one.fingerprint.digest] = one
    # Sorted by digest: two workers that insert the same texts wait for each other instead of deadlocking.
    rows = [(digest, len(one.fingerprint.words), False, 1, False) for digest, one in sorted(by_digest.items())]
    names = ("digest", "length", "withdrawn", "revision", "linked")
    new = dict(insert_missing(connection, Text, names, rows, ("digest", "id")))
    told = {}
    bodies = []
    for digest, text_id in sorted(new.items(), key=itemgetter(1)):
        one = by_digest[digest]
        told[text_id] = one.article.text
        headline_words = one.fingerprint.headline_words
        bodies.append((text_id, one.article.headline, one.article.text, stored_words(one), headline_words))
    insert_rows(connection, Body, ("text_id", "headline", "body", "words", "headline_words"), bodies)
    insert_rows(connection, Unsearched, ("text_id",), [(text_id,) for text_id in told])
    again = by_digest.keys() - new.keys()
    if not again:
        return Texts(new, told)
    found = select(Text.id, Text.digest).where(Text.digest.in_(again))
    ids = {row.digest: row.id for row in connection.execute(found)}
    _settle_words(connection, {text_id: stored_words(by_digest[digest]) for digest, text_id in ids.items()})
    return Texts(new | ids, told)


def to_link(batch: Sequence[Incoming], stored: Stored) -> tuple[list[int], dict[int, Fresh]]:
    """The texts of a stored batch that are to be linked, and what is known of the new ones that have one appearance."""
    seen = Counter(digest for _, digest in {(one.prepared.key, one.prepared.fingerprint.digest) for one in batch})
    fresh = {}
    for one in reversed(batch):  # of two in one batch the first is stored
        article, print_, key = one.prepared.article, one.prepared.fingerprint, one.prepared.key
        text_id = stored.texts.ids[print_.digest]
        if text_id in stored.texts.new and seen[print_.digest] == 1 and key in stored.articles:
            appearance = Appearance(
                stored.articles[key], key, article.source, one.prepared.item, one.prepared.link, article.credit,
                article.published_at, article.updated_at, one.received_at, article.embargoed_until,
            )  # fmt: skip
            known = know(text_id, print_.digest, len(print_.words), 1, [appearance])
            fresh[text_id] = Fresh(known, (print_.words, print_.headline_words), print_.keys)
    return sorted([*stored.left, *stored.texts.new]), fresh


def post(connection: Connection, batch: Sequence[Incoming], texts: Texts) -> None:
    """Enter articles in the candidate index. The caller holds the locks of texts that were there before."""
    keys: dict[Posting, NDArray[np.int32]] = {}
    for one in batch:
        article, print_ = one.prepared.article, one.prepared.fingerprint
        time = came_out(article.published_at, one.received_at, article.embargoed_until)
        if len(print_.keys):
            keys[texts.ids[print_.digest], place(time, print_.digest, DEFAULT_SEED)] = print_.keys
    again = {posting: own for posting, own in keys.items() if posting[0] not in texts.new}
    keys = {posting: own for posting, own in keys.items() if posting not in again} | _missing(connection, again)
    if keys:
        sizes = [len(own) for own in keys.values()]
        places = np.repeat(np.array([where for _, where in keys], np.int64), sizes)
        owners = np.repeat(np.array([text for text, _ in keys], np.int32), sizes)
        postings.add(connection, ordered(Postings(np.concatenate(list(keys.values())), places, owners)))


def _missing(connection: Connection, asked: Mapping[Posting, NDArray[np.int32]]) -> dict[Posting, NDArray[np.int32]]:
    """Those keys of texts that are not posted at a place yet.

    Nearly always none or all: so only the first and the last are asked for, and the others where one of these is not
    there. `prune` goes from key to key, so one that was cut short left an end out. Several may leave a hole between
    both: the next that reaches its end takes out the rest.
    """
    ends = _posted(connection, {posting: own[[0, -1]] for posting, own in asked.items()})
    lacking = {posting: own for posting, own in asked.items() if not {int(own[0]), int(own[-1])} <= ends[posting]}
    there = _posted(connection, lacking)
    return {posting: own[~np.isin(own, list(there[posting]))] for posting, own in lacking.items()}


def _posted(connection: Connection, asked: Mapping[Posting, NDArray[np.int32]]) -> dict[Posting, set[int]]:
    """Which of these keys are posted."""
    spans = {(key, where, where) for (_, where), own in asked.items() for key in own.tolist()}
    found: dict[Posting, set[int]] = defaultdict(set)
    for (key, where, _), _, text in postings.places_within(connection, spans):
        found[text, where].add(key)
    return found


def stored_words(prepared: Prepared) -> bytes:
    """The fingerprint's words as `bodies.words` holds them."""
    return prepared.fingerprint.words.astype("<u4").tobytes()


def _settle_words(connection: Connection, words: Mapping[int, bytes]) -> None:
    """Of texts that differ in capitals only, the smallest in bytes is kept: not the one that came first."""
    stored = connection.execute(_STORED_WORDS, {"ids": sorted(words)})
    smaller = {row.text_id: words[row.text_id] for row in stored if row.words > words[row.text_id]}
    for text, own in sorted(smaller.items()):
        connection.execute(_GROWN, {"ids": [text]})  # first: whoever settles the same text waits here
        connection.execute(update(Body).where(Body.text_id == text, Body.words > own).values(words=own))


def _add_articles(connection: Connection, batch: Sequence[Incoming], texts: Texts) -> dict[bytes, int]:
    """Store articles; return the ids of those that are new, by key."""
    known = set(texts.ids.values()) - texts.new.keys()
    stored = connection.execute(_BODIES, {"ids": sorted(known)}) if known else ()
    bodies = {**texts.new, **{row.text_id: row.body for row in stored}}
    rows: dict[bytes, dict[str, Any]] = {}
    for one in reversed(batch):  # of two in one batch the first stays, as it would over two batches
        prepared, article = one.prepared, one.prepared.article
        text_id = texts.ids[prepared.fingerprint.digest]
        rows[prepared.key] = {
            "key": prepared.key,
            "text_id": text_id,
            "delivery_id": one.delivery_id,
            "external_id": article.external_id,
            "source": article.source,
            "url": article.url,
            "headline": article.headline,
            "byline": article.byline,
            "published_at": article.published_at,
            "updated_at": article.updated_at,
            "received_at": one.received_at,
            "language": article.language,
            "version": article.version,
            "status": article.status,
            "embargoed_until": article.embargoed_until,
            "credit": article.credit,
            "dateline": article.dateline,
            "item": prepared.item,
            "link": prepared.link,
            "text": None if article.text == bodies[text_id] else article.text,
            "metadata": dict(article.metadata),
        }
    # Of a new text nobody else can have stored an article; of others somebody may be just about to.
    # In the order of one of their indexes: its pages are written once each, and those of the others stay in the cache.
    of_new = [rows[key] for key in sorted(rows) if rows[key]["text_id"] in texts.new]
    of_new.sort(key=lambda row: row["link"] or b"")
    of_others = [rows[key] for key in sorted(rows) if rows[key]["text_id"] not in texts.new]
    new = dict(zip((row["key"] for row in of_new), new_ids(connection, "articles", len(of_new)), strict=True))
    if of_new:
        told = [(new[row["key"]], *row.values()) for row in of_new]
        insert_rows(connection, ArticleRow, ("id", *of_new[0]), told)
    grown = set()
    if of_others:
        inserted = insert_new(connection, ArticleRow).returning(ArticleRow.key, ArticleRow.id, ArticleRow.text_id)
        for row in connection.execute(inserted, of_others):
            new[row.key] = row.id
            grown.add(row.text_id)
    _hear_of(connection, batch, texts, new)
    if grown:
        # A new appearance can bring an earlier time or another item: whatever was decided is decided again.
        connection.execute(_GROWN, {"ids": sorted(grown)})
    return new


def _hear_of(connection: Connection, batch: Sequence[Incoming], texts: Texts, fresh: Collection[bytes]) -> None:
    """Keep the earliest `received_at` of an article that came again: min, never "first one wins"."""
    again = [
        {"again": one.prepared.key, "of": texts.ids[one.prepared.fingerprint.digest], "heard": one.received_at}
        for one in batch
        if one.prepared.key not in fresh
    ]
    if again:
        connection.execute(_HEARD, sorted(again, key=itemgetter("again")))
