"""What linking and regrouping read of the texts and matches already stored."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, func, or_, select

from models.dialect import one_of
from models.tables import Article, Match, Text
from worker.core import match
from worker.core.article import EPOCH, came_out
from worker.core.cells import place
from worker.core.fingerprint import DEFAULT_SEED
from worker.core.verify import Told

# Made once: putting them together costs more than running them.
_APPEARANCES = select(
    Article.id, Article.key, Article.text_id, Article.source, Article.item, Article.link,
    Article.credit, Article.published_at, Article.updated_at, Article.received_at, Article.embargoed_until,
).where(one_of(Article.text_id, "ids"))  # fmt: skip
_TEXTS = select(
    Text.id, Text.digest, (func.length(Text.words) / 4).label("length"), Text.revision,
    Text.story_id, Text.relation, Text.jaccard, Text.containment, Text.withdrawn,
).where(one_of(Text.id, "ids"))  # fmt: skip
_WORDS = select(Text.id, Text.words, Text.headline_words).where(one_of(Text.id, "ids"))
_EDGES = select(
    Match.text_a, Match.text_b, Match.relation, Match.strength, Match.jaccard, Match.containment_a, Match.containment_b
).where(or_(one_of(Match.text_a, "ids"), one_of(Match.text_b, "ids")))

AnyRow = Row[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Known:
    """What linking reads of a text."""

    id: int
    digest: bytes
    length: int
    """In words."""
    revision: int
    article_id: int
    profile: match.Profile
    places: frozenset[int]
    """Where its keys are posted (`worker.core.cells.place`)."""
    updated: int
    """When its earliest version was made, POSIX seconds: tells versions of one item apart that share a first
    publication."""
    story: tuple[int | None, str | None, float | None, float | None, bool]
    """Where it stands: story, relation, Jaccard, containment, and whether it is withdrawn."""


def load(connection: Connection, ids: Sequence[int]) -> dict[int, Known]:
    """Read texts that have an appearance, without their words."""
    if not ids:
        return {}
    appearances = defaultdict(list)
    for row in connection.execute(_APPEARANCES, {"ids": ids}):
        appearances[row.text_id].append(row)
    return {
        row.id: Known(
            id=row.id,
            digest=row.digest,
            length=int(row.length),
            revision=row.revision,
            article_id=min(appearances[row.id], key=_speaks_first).id,
            profile=_profile(appearances[row.id]),
            places=frozenset(
                place(came_out(seen.published_at, seen.received_at, seen.embargoed_until), row.digest, DEFAULT_SEED)
                for seen in appearances[row.id]
            ),
            updated=min(int((seen.updated_at or EPOCH).timestamp()) for seen in appearances[row.id]),
            story=(row.story_id, row.relation, row.jaccard, row.containment, row.withdrawn),
        )
        for row in connection.execute(_TEXTS, {"ids": ids})
    }


def load_words(connection: Connection, ids: Sequence[int]) -> dict[int, Told]:
    """Read the word hashes of texts, and how many of them are the headline's."""
    if not ids:
        return {}
    return {
        row.id: (np.frombuffer(row.words, dtype="<u4").astype(np.uint32, copy=False), row.headline_words)
        for row in connection.execute(_WORDS, {"ids": ids})
    }


def _published(row: AnyRow) -> float | None:
    """When it came out, POSIX seconds."""
    time = came_out(row.published_at, row.received_at, row.embargoed_until)
    return None if time is None else time.timestamp()


def _speaks_first(row: AnyRow) -> tuple[bool, float, bool, str, bytes]:
    """Order appearances of one text: plausible time, then those that credit nobody, then source; never arrival."""
    published = _published(row)
    return (published is None, published or 0.0, row.credit is not None, row.source or "", row.key)


def _profile(seen: Sequence[AnyRow]) -> match.Profile:
    """Fold a text's appearances with min and union only: the same whatever order they came in."""
    times = [time for row in seen if (time := _published(row)) is not None]
    return match.Profile(
        published=min(times, default=None),
        sources=frozenset(row.source for row in seen if row.source),
        items=frozenset(identity.hex() for row in seen for identity in (row.item, row.link) if identity),
        credits=frozenset(row.credit for row in seen if row.credit),
    )


def component(connection: Connection, start: Iterable[int]) -> tuple[set[int], dict[tuple[int, int], AnyRow]]:
    """Everything connected to `start` by stored matches, and those matches."""
    reached: set[int] = set()
    edges: dict[tuple[int, int], AnyRow] = {}
    frontier = set(start)
    while frontier:
        reached |= frontier
        for row in connection.execute(_EDGES, {"ids": sorted(frontier)}):
            edges[row.text_a, row.text_b] = row
        frontier = {text for pair in edges for text in pair} - reached
    return reached, edges
