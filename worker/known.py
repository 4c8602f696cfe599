"""What linking and regrouping read of the texts and matches already stored."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, select

from models.dialect import fingerprints, matches, one_of
from models.tables import Article, Text
from worker.core import match
from worker.core.article import came_out
from worker.core.cells import place
from worker.core.fingerprint import DEFAULT_SEED
from worker.core.verify import Laid, Told

# Made once: putting them together costs more than running them.
_APPEARANCES = select(
    Article.text_id, Article.id, Article.key, Article.source, Article.item, Article.link,
    Article.credit, Article.published_at, Article.updated_at, Article.received_at, Article.embargoed_until,
).where(one_of(Article.text_id, "ids"))  # fmt: skip
_TEXTS = select(Text.id, Text.digest, Text.length, Text.revision).where(one_of(Text.id, "ids"))
_STANDING = (
    select(Text.id, Text.revision, Text.story_id, Text.relation, Text.jaccard, Text.containment, Text.withdrawn)
    .where(one_of(Text.id, "ids"))
    .order_by(Text.id)
    .with_for_update()
)

AnyRow = Row[*tuple[Any, ...]]
Place = tuple[int | None, str | None, float | None, float | None, bool]
"""Where a text stands: story, relation, Jaccard, containment, and whether it is withdrawn."""


class Appearance(NamedTuple):
    """What linking asks of an article."""

    id: int
    key: bytes
    source: str | None
    item: bytes | None
    link: bytes | None
    credit: str | None
    published_at: datetime | None
    updated_at: datetime | None
    received_at: datetime
    embargoed_until: datetime | None


class Edge(NamedTuple):
    """What grouping asks of a match."""

    relation: str
    strength: float
    jaccard: float
    containment_a: float
    containment_b: float


class Known(NamedTuple):
    """What linking reads of a text; the same as long as its revision is."""

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


class Fresh(NamedTuple):
    """A text that was just stored and has appeared once: all that reading it again would tell."""

    known: Known
    told: Told
    keys: NDArray[np.int32]


class Standing(NamedTuple):
    """Where a text stands now, and after how many appearances."""

    revision: int
    place: Place


def know(text_id: int, digest: bytes, length: int, revision: int, seen: Sequence[Appearance]) -> Known:
    """Fold a text's appearances with min and union only: the same whatever order they came in."""
    out = [came_out(one.published_at, one.received_at, one.embargoed_until) for one in seen]
    times = [None if time is None else time.timestamp() for time in out]
    first = seen[0] if len(seen) == 1 else min(zip(times, seen, strict=True), key=_speaks_first)[1]
    return Known(
        id=text_id,
        digest=digest,
        length=length,
        revision=revision,
        article_id=first.id,
        profile=match.Profile(
            published=min([time for time in times if time is not None], default=None),
            sources=frozenset([one.source for one in seen if one.source]),
            items=frozenset([identity.hex() for one in seen for identity in (one.item, one.link) if identity]),
            credits=frozenset([one.credit for one in seen if one.credit]),
        ),
        places=frozenset([place(time, digest, DEFAULT_SEED) for time in out]),
        updated=min([int(one.updated_at.timestamp()) if one.updated_at else 0 for one in seen]),
    )


def load(connection: Connection, ids: Collection[int]) -> dict[int, Known]:
    """Read texts that have an appearance, without their words."""
    if not ids:
        return {}
    listed = sorted(ids)
    appearances = defaultdict(list)
    for text_id, *fields in connection.execute(_APPEARANCES, {"ids": listed}):
        appearances[text_id].append(Appearance._make(fields))
    return {row[0]: know(*row, appearances[row[0]]) for row in connection.execute(_TEXTS, {"ids": listed})}


def load_words(connection: Connection, ids: Collection[int]) -> dict[int, Told]:
    """Read the word hashes of texts, and how many of them are the headline's."""
    if not ids:
        return {}
    return {
        text_id: (np.frombuffer(words, dtype="<u4").astype(np.uint32, copy=False), headline_words)
        for text_id, words, headline_words in fingerprints(connection, sorted(ids))
    }


def lay_words(connection: Connection, ids: Collection[int], told: Mapping[int, Told]) -> Laid:
    """The words of texts side by side, read as far as they are not among those `told`."""
    stored = fingerprints(connection, sorted(set(ids) - told.keys()))
    return Laid.of(chain(stored, ((text, *told[text]) for text in told.keys() & ids)))


def lock(connection: Connection, ids: Collection[int]) -> dict[int, Standing]:
    """Lock texts in id order until the transaction ends, and read where they stand."""
    if not ids:
        return {}
    rows = connection.execute(_STANDING, {"ids": sorted(ids)})
    return {
        text_id: Standing(revision, (story_id, relation, jaccard, containment, withdrawn))
        for text_id, revision, story_id, relation, jaccard, containment, withdrawn in rows
    }


def _speaks_first(one: tuple[float | None, Appearance]) -> tuple[bool, float, bool, str, bytes]:
    """Order appearances of one text: plausible time, then those that credit nobody, then source; never arrival."""
    published, seen = one
    return (published is None, published or 0.0, seen.credit is not None, seen.source or "", seen.key)


def component(connection: Connection, start: Iterable[int]) -> tuple[set[int], dict[tuple[int, int], Edge]]:
    """Everything connected to `start` by stored matches, and those matches."""
    reached: set[int] = set()
    edges: dict[tuple[int, int], Edge] = {}
    frontier = set(start)
    while frontier:
        reached |= frontier
        found: set[int] = set()
        for row in matches(connection, sorted(frontier)):
            pair = row[:2]
            if pair not in edges:
                edges[pair] = Edge._make(row[2:])
                found.update(pair)
        frontier = found - reached
    return reached, edges
