"""The candidate index: what a text's keys lead to, and the cells of common keys, halved when they overflow."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Found:
    """What the index says about some texts."""

    pairs: NDArray[np.int64]
    """Those worth verifying, see `propose`."""
    halved: Halved
    """Of all keys asked for; the overfull ones as they are to be."""
    overfull: set[Pair]
    """(key, cell) that hold more than they should."""


def halved_cells(connection: Connection, keys: Sequence[int]) -> dict[int, set[int]]:
    """Read the halved cells of these keys."""
    found: dict[int, set[int]] = defaultdict(set)
    for key, cell in dialect.halved_cells(connection, keys):
        found[key].add(cell)
    return found


def candidates(connection: Connection, texts: Mapping[int, Posted]) -> Found:
    """Ask the index for everything that the keys of these texts lead to.

    To be called in one look: of a text that comes in meanwhile, all keys are seen or none.
    """
    owners = np.repeat(np.array(list(texts), np.int64), [len(posted.keys) for posted in texts.values()])
    keys = np.concatenate([posted.keys for posted in texts.values()]).astype(np.int64)
    distinct, which = np.unique(keys, return_inverse=True)
    halved = halved_cells(connection, distinct.tolist())
    spans, others = _spans(texts, owners, keys, halved)
    rare = distinct[~np.isin(distinct, np.array(list(halved), np.int64))]
    whole, within = lookup(connection, rare, spans)
    overfull = {(key, cells.FREQUENT) for key, listed in whole.items() if len(listed) > cells.RARE}
    overfull |= {
        (span[0], spans[span]) for span, listed in within.items() if len(listed) > cells.CELL and span[1] < span[2]
    }
    if overfull:
        held = _held(connection, overfull)
        for (key, cell), postings in held.items():
            halved[key].update(cells.halvings(cell, [place for place, _ in postings]))
        spans, others = _spans(texts, owners, keys, halved)
        within |= _parts(spans.keys() - within.keys(), held)
    lists = [(key, listed) for key, listed in whole.items() if key not in halved]
    number = np.full(len(distinct), -1)
    number[np.searchsorted(distinct, [key for key, _ in lists])] = np.arange(len(lists))
    leads = np.column_stack((owners, keys, number[which]))
    leads = leads[leads[:, 2] >= 0]
    others[:, 2] += len(lists)
    nothing: Texts = np.empty(0, np.int64)
    read = [listed for _, listed in lists] + [within.get(span, nothing) for span in spans]
    common = [0] * len(lists) + [1 + (cells.ROOT in halved[span[0]]) for span in spans]
    return Found(propose(np.concatenate((leads, others)), read, common), halved, overfull)


def _spans(
    texts: Mapping[int, Posted], owners: NDArray[np.int64], keys: NDArray[np.int64], halved: Halved
) -> tuple[dict[Span, int], NDArray[np.int64]]:
    """Where the postings of other than rare keys lead: spans with their cells; rows (text, key, number of the span)."""
    at = np.flatnonzero(np.isin(keys, list(halved)))
    numbers: dict[Pair, int] = {}
    leads = [
        (text, key, numbers.setdefault((key, cell), len(numbers)))
        for text, key in zip(owners[at].tolist(), keys[at].tolist(), strict=True)
        for cell in cells.leaves(texts[text].places, halved[key])
    ]
    return {(key, *cells.bounds(cell)): cell for key, cell in numbers}, np.array(leads, np.int64).reshape(-1, 3)


def _held(connection: Connection, asked: Collection[Pair]) -> dict[Pair, list[tuple[int, int]]]:
    """The postings in each of these cells, (key, cell), in order: places and texts."""
    spans = {(key, *cells.bounds(cell)): (key, cell) for key, cell in asked}
    held: dict[Pair, list[tuple[int, int]]] = defaultdict(list)
    for span, place, text in places_within(connection, spans):
        held[spans[span]].append((place, text))
    return held


def _parts(spans: Collection[Span], held: Mapping[Pair, Sequence[tuple[int, int]]]) -> dict[Span, Texts]:
    """The texts in these spans, those with two at least, as far as they are parts of the cells in `held`."""
    of_key: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (key, _), postings in held.items():
        of_key[key] += postings
    for own in of_key.values():
        own.sort()
    parts = {}
    for span in spans:
        key, first, last = span
        own = of_key.get(key, [])
        inside = own[bisect_left(own, (first,)) : bisect_left(own, (last + 1,))]
        if len(inside) > 1:
            parts[span] = np.array([text for _, text in inside], np.int64)
    return parts


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
    for (key, cell), postings in _held(connection, overfull).items():
        after[key].update(cells.halvings(cell, [place for place, _ in postings]))
        for place, text in postings:
            places[key][text].add(place)
            keys[text].add(key)
    halving = Halving(before, after, defaultdict(list), {})
    rows = [{"key": key, "cell": one} for key, own in after.items() for one in sorted(own - set(before.get(key, ())))]
    if not rows:  # another worker was faster, or some were pruned
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
