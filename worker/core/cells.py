"""Where in time a text is posted, and how far a common key reaches from there.

A key that few texts have leads to all of them. One that many have (a stock phrase, a template, a flood) leads only to
those posted near by in time, so that no article costs more for what the others share. What "near" means is a function
of the postings alone: the line of time is a binary trie whose cells are halved while they hold more than `CELL`
postings (a bucket trie: Fagin et al. 1979, "Extendible hashing"; Samet 1990, "bucket PR tree"), and a posting leads to
those in its cell. Unlike a cap it does not depend on who came first, and it dissolves no family: its members stay
together in as many cells as they fill. As postings are added cells are only ever halved, so that reach only shrinks;
and because cells of different keys are aligned, a flood falls apart into components no larger than a cell.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

CELL: Final = 128
"""Most postings in a cell: a text is compared with as many at most, whatever a flood brings."""
RARE: Final = 16
"""Most postings of a rare key, which is enough by itself to compare two texts (`worker.core.candidates`)."""
COMMON: Final = 2
"""The `level` of a key that more texts have than a cell holds. A frequent one has 1, a rare one 0."""

DAYS: Final = 18  # bits for the day: 1600 to 2317
MIXED: Final = 29  # bits of the text's digest: one day, or no date at all, is no limit to halving
BITS: Final = DAYS + MIXED
ROOT: Final = 1
"""The cell that is the whole line. The halves of cell n are 2n and 2n + 1."""
LEAVES: Final = 1 << BITS
"""The first of the cells that are one place, and are not halved."""
FREQUENT: Final = 0
"""Stands among the halved cells of a key that is not rare: that, too, is decided once and for good."""

_FIRST = datetime(1600, 1, 1, tzinfo=UTC)
_MIXED = (1 << MIXED) - 1


def place(published: datetime | None, digest: bytes, seed: int) -> int:
    """Where a text that came out at `published` is posted: its day, then bits of its seeded digest.

    Texts without a date have a day of their own, 0. Seeded, so that nobody can aim at one place.
    """
    day = 0 if published is None else max((published - _FIRST).days + 1, 1)
    mixed = hashlib.blake2b(digest, digest_size=4, key=b"%d" % seed).digest()
    return day << MIXED | int.from_bytes(mixed) & _MIXED


def within(one: Collection[int], two: Collection[int], window: int | None) -> bool:
    """Whether two texts, posted at these places, came out within `window` days of each other, or may have."""
    if window is None:
        return True
    days = [place >> MIXED for place in one], [place >> MIXED for place in two]
    return any(not a or not b or abs(a - b) <= window for a in days[0] for b in days[1])


def bounds(cell: int) -> tuple[int, int]:
    """First and last place of a cell."""
    cell = cell or ROOT
    depth = cell.bit_length() - 1
    size = 1 << (BITS - depth)
    first = (cell - (1 << depth)) * size
    return first, first + size - 1


def level(halved: Collection[int]) -> int:
    """How common a key is whose cells `halved` were halved."""
    return COMMON if ROOT in halved else int(bool(halved))


def leaf(place: int, halved: Collection[int]) -> int:
    """The cell that holds a place, given those that were halved."""
    cell, shift = ROOT, BITS
    while cell in halved:
        shift -= 1
        cell = cell << 1 | (place >> shift & 1)
    return cell


def leaves(places: Collection[int], halved: Collection[int]) -> set[int]:
    """The cells that hold these places."""
    if ROOT not in halved:  # most often
        return {ROOT}
    return {leaf(place, halved) for place in places}


def leads(one: Collection[int], two: Collection[int], halved: Collection[int]) -> bool:
    """Whether a key posted at these places of two texts leads from one to the other."""
    return not halved or not leaves(one, halved).isdisjoint(leaves(two, halved))


def halvings(cell: int, places: Iterable[int]) -> list[int]:
    """The cells to halve, this one first, until none of them holds more than `CELL` of these places.

    From `FREQUENT` on, so that of a key's whole places: whether it is rare no more, and then its cells.
    """
    held = sorted(places)
    if cell == FREQUENT:
        return [FREQUENT, *halvings(ROOT, held)] if len(held) > RARE else []
    todo, out = [cell], []
    while todo:
        node = todo.pop()
        first, last = bounds(node)
        if first < last and bisect_right(held, last) - bisect_left(held, first) > CELL:
            out.append(node)
            todo += [node << 1, node << 1 | 1]
    return out
