"""Read queries behind the command line; what they return is what `--json` prints."""

import re
from collections.abc import Sequence
from typing import Any, cast

from sqlalchemy import Boolean, Connection, Integer, Select, Table, column, func, select, table, text

from models.base import UTCDateTime
from models.dialect import one_of
from models.tables import Article, Body, Delivery, Match, Rejection, Story, StoryChange, StoryRedirect, Text, Unsearched

Row = dict[str, Any]

MEMBERS = table(
    "story_members",
    column("story_id", Integer),
    column("article_id", Integer),
    *map(column, ("external_id", "source", "headline", "url")),
    column("published_at", UTCDateTime()),
    column("received_at", UTCDateTime()),
    *map(column, ("relation", "canonical_article_id", "jaccard", "containment")),
    column("withdrawn", Boolean),
)
SUMMARIES = table(
    "story_summaries",
    column("story_id", Integer),
    *map(column, ("canonical_article_id", "headline")),
    column("first_published_at", UTCDateTime()),
    column("last_published_at", UTCDateTime()),
    *map(column, ("article_count", "source_count")),
    column("withdrawn", Boolean),
)

SEARCHED = 64
SEARCHED_CHARACTERS = 1_000
"""Words of a search, and characters of a word: the databases refuse queries of some thousand words."""
UNSEARCHABLE = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")


def _rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[Row]:
    return [dict(row._mapping) for row in connection.execute(query)]


def stories(connection: Connection, limit: int, least: int = 1) -> list[Row]:
    """The stories published last, newest first, of at least `least` articles."""
    last = SUMMARIES.c.last_published_at
    query = select(SUMMARIES).where(SUMMARIES.c.article_count >= least)
    return _rows(connection, query.order_by(last.is_(None), last.desc(), SUMMARIES.c.story_id.desc()).limit(limit))


def follow(connection: Connection, story_id: int) -> int | None:
    """The id a story has now: its own, that of the story it was merged into, or None if there never was one."""
    if connection.scalar(select(Story.id).where(Story.id == story_id)):
        return story_id
    return connection.scalar(select(StoryRedirect.new_id).where(StoryRedirect.old_id == story_id))


def members(connection: Connection, story_ids: Sequence[int]) -> list[Row]:
    """The members of stories: story by story, the canonical first, then by publication."""
    c = MEMBERS.c
    order = (c.story_id, c.relation != "canonical", c.published_at.is_(None), c.published_at, c.article_id)
    return _rows(connection, select(MEMBERS).where(one_of(c.story_id, story_ids)).order_by(*order))


def article_texts(connection: Connection, article_ids: Sequence[int]) -> dict[int, Row]:
    """What the members of a story say: headline, body, and what their publishers said about them."""
    query = select(
        Article.id, Article.text_id, Article.headline, func.coalesce(Article.text, Body.body).label("text"),
        Article.byline, Article.dateline, Article.credit, Article.language, Article.version, Article.status,
        Article.extra.label("metadata"),
    ).join(Body, Body.text_id == Article.text_id)  # fmt: skip
    return {row["id"]: row for row in _rows(connection, query.where(one_of(Article.id, article_ids)))}


def evidence(connection: Connection, text_ids: Sequence[int]) -> list[Row]:
    """The matches among a story's texts."""
    ends = one_of(Match.text_a, text_ids), one_of(Match.text_b, text_ids)
    return _rows(connection, select(Match.__table__).where(*ends).order_by(Match.text_a, Match.text_b))


def history(connection: Connection, story_id: int) -> list[Row]:
    """What happened to a story, oldest first."""
    listed = select(StoryChange.__table__).where(StoryChange.story_id == story_id).order_by(StoryChange.id)
    return _rows(connection, listed)


def search(connection: Connection, words: Sequence[str], limit: int) -> list[Row]:
    """The stories one of whose texts holds every word, newest first. `words` are words, not a query language.

    Any string will do: what no text can hold (NUL, controls, surrogates) counts as a space, and of more than
    `SEARCHED` words the first are searched for.
    """
    words = [word[:SEARCHED_CHARACTERS] for word in UNSEARCHABLE.sub(" ", " ".join(words)).split()[:SEARCHED]]
    if not words:
        return []
    if connection.dialect.name == "postgresql":
        found = text("SELECT id FROM text_search WHERE words @@ plainto_tsquery('simple', :words)")
        asked = " ".join(words)
    else:
        found = text("SELECT rowid AS id FROM text_search WHERE text_search MATCH :words")
        asked = " ".join('"' + word.replace('"', '""') + '"' for word in words)
    hits = found.bindparams(words=asked).columns(id=Integer).subquery()
    chosen = select(Text.story_id).join(hits, hits.c.id == Text.id).where(Text.story_id.is_not(None)).distinct()
    last = SUMMARIES.c.last_published_at
    query = select(SUMMARIES).where(SUMMARIES.c.story_id.in_(chosen))
    return _rows(connection, query.order_by(last.is_(None), last.desc(), SUMMARIES.c.story_id.desc()).limit(limit))


def unsearched(connection: Connection) -> int:
    """How many texts `search` does not know yet."""
    return connection.scalar(select(func.count()).select_from(Unsearched)) or 0


def deliveries(connection: Connection, limit: int, state: str | None = None) -> list[Row]:
    """The ledger, newest first, each file with its rejected records."""
    ledger = cast("Table", Delivery.__table__)
    hidden = {"claim", "position", "touched_at", "source"}
    query = select(*(c for c in ledger.c if c.name not in hidden)).order_by(Delivery.id.desc()).limit(limit)
    rows = _rows(connection, query.where(Delivery.state == state) if state else query)
    listed = select(Rejection).where(one_of(Rejection.delivery_id, [row["id"] for row in rows]))
    rejections: dict[int, list[Row]] = {row["id"]: [] for row in rows}
    for found in connection.execute(listed.order_by(Rejection.delivery_id, Rejection.record)):
        rejections[found.delivery_id].append({"position": found.position, "reason": found.reason})
    return [row | {"rejections": rejections[row["id"]]} for row in rows]
