"""The candidate index: what a text's keys lead to, and the cells of common keys, halved when they overflow."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from models import dialect
from models.dialect import Span, insert_new, one_of
from models.tables import HalvedCell, Match
from worker.core import cells
from worker.core.candidates import counts, propose
from worker.postings import lookup, places_within

_FIRM = tuple(
    select(Match.text_a, Match.text_b, Match.firm).where(Match.shared_keys.is_not(None), one_of(side, "ids"))
    for side in (Match.text_a, Match.text_b)
)

Pair = tuple[int, int]
Texts = NDArray[np.int64]
Halved = Mapping[int, Collection[int]]
"""Key -> its cells that were halved. A key that has none is rare and leads to all texts that have it."""


@dataclass(frozen=True, slots=True)
class Posted:
    """A text's keys and the places where they are posted."""

    keys: NDArray[np.int32]
    places: Collection[int]


@dataclass(slots=True)
class Seen:
    """What was read for some texts, at first."""

    matched: set[Pair] | None = None
    """The matches they had."""

    halved: dict[int, set[int]] | None = None
    """Of all keys. That another worker halves more meanwhile is noticed when the matches are written."""
    whole: dict[int, Texts] | None = None
    """Rare key -> all texts that have it."""
    spans: dict[Span, Texts] = field(default_factory=dict)
    """Of other keys: the texts in a cell."""


@dataclass(frozen=True, slots=True)
class Found:
    """What the index says about some texts."""

    pairs: NDArray[np.int64]
    """Those worth verifying, see `propose`."""
    halved: Halved
    """Of all keys asked for."""
    overfull: set[Pair] = field(default_factory=set)
    """(key, cell) that hold more than they should: to be halved, and the index asked again."""


def halved_cells(connection: Connection, keys: Sequence[int]) -> dict[int, set[int]]:
    """Read the halved cells of these keys."""
    found: dict[int, set[int]] = defaultdict(set)
    for key, cell in dialect.halved_cells(connection, keys):
        found[key].add(cell)
    return found


def candidates(connection: Connection, texts: Mapping[int, Posted], seen: Seen) -> Found:
    """Ask the index for everything that the keys of these texts lead to.

    `seen` keeps what was read, for when it has to be asked again because of an overfull cell.
    """
    owners = np.repeat(np.array(list(texts), np.int64), [len(posted.keys) for posted in texts.values()])
    keys = np.concatenate([posted.keys for posted in texts.values()]).astype(np.int64)
    distinct, which = np.unique(keys, return_inverse=True)
    if seen.halved is None:
        seen.halved = halved_cells(connection, distinct.tolist())
    halved = seen.halved
    spans, others = _spans(texts, owners, keys, np.flatnonzero(np.isin(keys, list(halved))), halved)
    asked = [span for span in spans if span not in seen.spans]
    nothing: Texts = np.empty(0, np.int64)
    rare = distinct[~np.isin(distinct, np.array(list(halved), np.int64))] if seen.whole is None else nothing
    whole, read = lookup(connection, rare, asked)
    seen.whole = whole if seen.whole is None else seen.whole
    lists = [(key, listed) for key, listed in seen.whole.items() if key not in halved]
    number = np.full(len(distinct), -1)
    number[np.searchsorted(distinct, [key for key, _ in lists])] = np.arange(len(lists))
    leads = np.column_stack((owners, keys, number[which]))
    leads = leads[leads[:, 2] >= 0]
    overfull = {(key, cells.FREQUENT) for key, listed in lists if len(listed) > cells.RARE}
    for span in asked:
        listed = read.get(span, nothing)
        if len(listed) > cells.CELL and span[1] < span[2]:
            overfull.add((span[0], spans[span]))
        seen.spans[span] = listed
    if overfull:
        return Found(np.empty((0, 4), np.int64), halved, overfull)
    others[:, 2] += len(lists)
    held = [listed for _, listed in lists] + [seen.spans[span] for span in spans]
    common = [0] * len(lists) + [1 + (cells.ROOT in halved[span[0]]) for span in spans]
    return Found(propose(np.concatenate((leads, others)), held, common), halved, overfull)


def _spans(
    texts: Mapping[int, Posted],
    owners: NDArray[np.int64],
    keys: NDArray[np.int64],
    at: NDArray[np.int64],
    halved: Halved,
) -> tuple[dict[Span, int], NDArray[np.int64]]:
    """Where the postings of other than rare keys, those `at`, lead: spans with their cells; (text, key, number)."""
    numbers: dict[Pair, int] = {}
    leads = [
        (text, key, numbers.setdefault((key, cell), len(numbers)))
        for text, key in zip(owners[at].tolist(), keys[at].tolist(), strict=True)
        for cell in cells.leaves(texts[text].places, halved[key])
    ]
    return {(key, *cells.bounds(cell)): cell for key, cell in numbers}, np.array(leads, np.int64).reshape(-1, 3)


def look_again(connection: Connection, seen: Seen, overfull: Collection[Pair]) -> None:
    """Have `seen` know that cells were halved."""
    for key, cell in overfull:
        seen.spans.pop((key, *cells.bounds(cell)), None)
    seen.halved = (seen.halved or {}) | halved_cells(connection, sorted({key for key, _ in overfull}))
    rare = sorted(key for key, cell in overfull if cell == cells.FREQUENT and key not in seen.halved)
    if rare:  # after all: some of it was pruned in the meantime
        none = dict.fromkeys(rare, np.empty(0, np.int64))
        seen.whole = (seen.whole or {}) | none | lookup(connection, np.array(rare, np.int64), ())[0]


@dataclass(frozen=True, slots=True)
class Halving:
    """What it changes that cells were halved."""

    before: Halved
    after: Halved
    cut: dict[Pair, list[int]]
    """Firm matches, and the keys that may lead along them no more, as far as the halved cells tell."""
    lost: dict[Pair, int]
    """Matches, and what their keys count less that have become frequent or common."""


def halve(connection: Connection, overfull: Collection[Pair]) -> Halving:
    """Halve cells that hold too many postings. The caller holds off everybody else who links."""
    before = halved_cells(connection, sorted({key for key, _ in overfull}))
    after = {key: set(before.get(key, ())) for key, _ in overfull}
    places: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))  # key -> text -> places in the cell
    keys: dict[int, set[int]] = defaultdict(set)  # text -> keys
    spans = {(key, cell): (key, *cells.bounds(cell)) for key, cell in overfull}
    held: dict[Span, list[int]] = defaultdict(list)  # -> places
    for span, place, text in places_within(connection, set(spans.values())):
        places[span[0]][text].add(place)
        keys[text].add(span[0])
        held[span].append(place)
    for (key, cell), span in spans.items():
        after[key].update(cells.halvings(cell, held[span]))
    halving = Halving(before, after, defaultdict(list), {})
    rows = [{"key": key, "cell": one} for key, own in after.items() for one in sorted(own - set(before.get(key, ())))]
    if not rows:  # another worker was faster
        return halving
    connection.execute(insert_new(connection, HalvedCell), rows)
    now = {key: {text: cells.leaves(own, after[key]) for text, own in texts.items()} for key, texts in places.items()}
    for (a, b), firm in _matched(connection, sorted(keys)).items():
        both = keys.get(a, set()) & keys.get(b, set())
        was = sum(counts(key, before.get(key, ()), firm=firm) for key in both)
        halving.lost[a, b] = was - sum(counts(key, after[key], firm=firm) for key in both)
        for key in both:
            if firm and now[key][a].isdisjoint(now[key][b]):
                halving.cut[a, b].append(key)
    return halving


def _matched(connection: Connection, texts: Sequence[int]) -> dict[Pair, bool]:
    """The stored matches of these texts that rest on shared keys, and whether they are firm."""
    return {(row.text_a, row.text_b): row.firm for side in _FIRM for row in connection.execute(side, {"ids": texts})}
