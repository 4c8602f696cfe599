"""The candidate index: what a text's keys lead to, and the cells of common keys, halved when they overflow."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from models import dialect
from models.tables import HalvedCell
from worker.core import cells
from worker.core.candidates import counts, propose
from worker.core.runs import Span
from worker.halved import halved_cells
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


def candidates(connection: Connection, texts: Mapping[int, Posted]) -> Found:
    """Ask the index for everything that the keys of these texts lead to.

    To be called in one look: of a text that comes in meanwhile, all keys are seen or none.
    """
    owners = np.repeat(np.array(list(texts), np.int64), [len(posted.keys) for posted in texts.values()])
    keys = np.concatenate([posted.keys for posted in texts.values()]).astype(np.int64)
    distinct, which = np.unique(keys, return_inverse=True)
    halved = halved_cells(connection, distinct)
    is_rare = ~np.isin(distinct, list(halved))
    rare = distinct[is_rare]
    known = np.flatnonzero(~is_rare[which])
    led = _leads(texts, owners[known], keys[known], halved)
    parts = sorted({(key, cell) for _, key, cell in led})
    listed = lookup(connection, rare, [_span(part) for part in parts])
    number = {part: at for at, part in enumerate(parts, len(rare))}
    overfull = _overfull(rare, parts, np.diff(listed.starts))
    if overfull:
        held = _held(connection, overfull)
        for (key, cell), postings in held.items():
            halved[key].update(cells.halvings(cell, [place for place, _ in postings]))
        anew = {key: halved[key] for key, _ in held}
        new = np.flatnonzero(np.isin(keys, list(anew)))
        led = [lead for lead in led if lead[1] not in anew] + _leads(texts, owners[new], keys[new], anew)
        more = sorted({(key, cell) for _, key, cell in led} - number.keys())
        number |= {part: at for at, part in enumerate(more, len(listed.starts) - 1)}
        listed = listed.and_those(_held_in(more, held))
    of_key = np.full(len(distinct), -1)
    of_key[is_rare] = np.where(np.isin(rare, list(halved)), -1, np.arange(len(rare)))
    leads = np.column_stack((owners, keys, of_key[which]))
    others = np.array([(text, key, number[key, cell]) for text, key, cell in led], np.int64).reshape(-1, 3)
    common = np.zeros(len(listed.starts) - 1, np.int64)
    for (key, _), at in number.items():
        common[at] = cells.level(halved[key])
    return Found(propose(np.concatenate((leads[leads[:, 2] >= 0], others)), listed, common), halved, overfull)


def _leads(texts: Mapping[int, Posted], owners: Numbers, keys: Numbers, halved: Halved) -> list[tuple[int, int, int]]:
    """Where these keys of theirs lead, all of which are halved: (text, key, cell)."""
    return [
        (text, key, cell)
        for text, key in zip(owners.tolist(), keys.tolist(), strict=True)
        for cell in cells.leaves(texts[text].places, halved[key])
    ]


def _span(part: Pair) -> Span:
    key, cell = part
    return key, *cells.bounds(cell)


def _overfull(rare: Numbers, parts: Sequence[Pair], sizes: Numbers) -> set[Pair]:
    """The cells that hold more than they should, of keys that are rare so far and of parts of others."""
    frequent = rare[sizes[: len(rare)] > cells.RARE].tolist()
    full = np.flatnonzero(sizes[len(rare) :] > cells.CELL).tolist()
    divisible = (parts[at] for at in full if parts[at][1] < cells.LEAVES)
    return {(key, cells.FREQUENT) for key in frequent} | set(divisible)


def _held(connection: Connection, asked: Collection[Pair]) -> dict[Pair, list[tuple[int, int]]]:
    """The postings in each of these cells, (key, cell), in order: places and texts."""
    spans = {_span(part): part for part in asked}
    held: dict[Pair, list[tuple[int, int]]] = defaultdict(list)
    for span, place, text in places_within(connection, spans):
        held[spans[span]].append((place, text))
    return held


def _held_in(parts: Sequence[Pair], held: Mapping[Pair, Sequence[tuple[int, int]]]) -> list[list[int]]:
    """The texts in each of these cells, which are parts of those in `held`."""
    of_key: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for (key, _), postings in held.items():
        of_key[key] += postings
    for own in of_key.values():
        own.sort()
    found = []
    for key, first, last in map(_span, parts):
        own = of_key.get(key, [])
        found.append([text for _, text in own[bisect_left(own, (first,)) : bisect_left(own, (last + 1,))]])
    return found


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
    before = halved_cells(connection, np.unique([key for key, _ in overfull]))
    after = {key: set(before.get(key, ())) for key, _ in overfull}
    places: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))  # key -> text -> places in the cell
    keys: dict[int, set[int]] = defaultdict(set)  # text -> keys
    for (key, cell), postings in _held(connection, overfull).items():
        after[key].update(cells.halvings(cell, [place for place, _ in postings]))
        for place, text in postings:
            places[key][text].add(place)
            keys[text].add(key)
    halving = Halving(before, after, defaultdict(list), {})
    rows = [(key, one) for key, own in after.items() for one in sorted(own - set(before.get(key, ())))]
    if not rows:  # another worker was faster, or some were pruned
        return halving
    dialect.insert_missing(connection, HalvedCell, ("key", "cell"), rows, ("key",))
    less = {
        (key, firm): counts(key, before.get(key, ()), firm=firm) - counts(key, own, firm=firm)
        for key, own in after.items()
        for firm in (False, True)
    }
    for a, b, firm in dialect.keyed_matches(connection, sorted(keys)):
        if b not in keys:
            continue
        both = keys[a] & keys[b]
        halving.lost[a, b] = sum([less[key, firm] for key in both])
        for key in both if firm else ():
            if not cells.leads(places[key][a], places[key][b], after[key]):
                halving.cut[a, b].append(key)
    return halving
