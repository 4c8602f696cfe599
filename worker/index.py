"""The candidate index: what a text's keys lead to, and the cells of common keys, halved when they overflow."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from models import dialect
from models.dialect import Span, insert_new
from models.tables import HalvedCell
from worker.core import cells
from worker.core.candidates import counts, propose
from worker.postings import lookup, places_within

Pair = tuple[int, int]
Numbers = NDArray[np.int64]
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

    pairs: Numbers
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
    led = _leads(texts, owners, keys, halved)
    spans, others = _spans(led)
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
        anew = {key: halved[key] for key, _ in held}
        led = [lead for lead in led if lead[1] not in anew] + _leads(texts, owners, keys, anew)
        spans, others = _spans(led)
        within |= _parts(spans.keys() - within.keys(), held)
    lists = [(key, listed) for key, listed in whole.items() if key not in halved]
    number = np.full(len(distinct), -1)
    number[np.searchsorted(distinct, [key for key, _ in lists])] = np.arange(len(lists))
    leads = np.column_stack((owners, keys, number[which]))
    leads = leads[leads[:, 2] >= 0]
    others[:, 2] += len(lists)
    nothing: Numbers = np.empty(0, np.int64)
    read = [listed for _, listed in lists] + [within.get(span, nothing) for span in spans]
    common = [0] * len(lists) + [cells.level(halved[span[0]]) for span in spans]
    return Found(propose(np.concatenate((leads, others)), read, common), halved, overfull)


def _leads(texts: Mapping[int, Posted], owners: Numbers, keys: Numbers, halved: Halved) -> list[tuple[int, int, int]]:
    """Where these keys lead that are halved: (text, key, cell)."""
    at = np.flatnonzero(np.isin(keys, list(halved)))
    return [
        (text, key, cell)
        for text, key in zip(owners[at].tolist(), keys[at].tolist(), strict=True)
        for cell in cells.leaves(texts[text].places, halved[key])
    ]


def _spans(leads: Collection[tuple[int, int, int]]) -> tuple[dict[Span, int], Numbers]:
    """The spans to read, with their cells; rows (text, key, number of the span)."""
    numbers: dict[Pair, int] = {}
    rows = [(text, key, numbers.setdefault((key, cell), len(numbers))) for text, key, cell in leads]
    return {(key, *cells.bounds(cell)): cell for key, cell in numbers}, np.array(rows, np.int64).reshape(-1, 3)


def _held(connection: Connection, asked: Collection[Pair]) -> dict[Pair, list[tuple[int, int]]]:
    """The postings in each of these cells, (key, cell), in order: places and texts."""
    spans = {(key, *cells.bounds(cell)): (key, cell) for key, cell in asked}
    held: dict[Pair, list[tuple[int, int]]] = defaultdict(list)
    for span, place, text in places_within(connection, spans):
        held[spans[span]].append((place, text))
    return held


def _parts(spans: Collection[Span], held: Mapping[Pair, Sequence[tuple[int, int]]]) -> dict[Span, Numbers]:
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
    for a, b, firm in dialect.keyed_matches(connection, sorted(keys)):
        if b not in keys:
            continue
        both = keys[a] & keys[b]
        was = sum(counts(key, before.get(key, ()), firm=firm) for key in both)
        halving.lost[a, b] = was - sum(counts(key, after[key], firm=firm) for key in both)
        for key in both:
            if firm and not cells.leads(places[key][a], places[key][b], after[key]):
                halving.cut[a, b].append(key)
    return halving
