"""Sorted runs of postings, in memory: written as bytes, read back, merged, and looked into.

The newest postings are kept apart from the index they end in, in runs of thousands (the first component of an LSM tree:
O'Neil et al. 1996). An article's keys lie anywhere in an index: entered by themselves each takes a page of its own,
entered together with those of thousands of articles they share them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

SHARD_BITS: Final = 4
"""Upper bits of a key that say which shard of the index it is in."""


class Postings(NamedTuple):
    """Entries of the candidate index, in its order: by key, then place, then text."""

    keys: NDArray[np.int32]
    places: NDArray[np.int64]
    texts: NDArray[np.int32]


RECORD: Final = np.dtype([("key", np.int32), ("place", np.int64), ("text", np.int32)])
"""A posting, where they are kept one by one and not column by column."""

Posting = tuple[int, int, int]
"""Key, place and text."""

Span = tuple[int, int, int]
"""A stretch of the index: a key, and the first and last place to look at."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of the index, sorted by key, then first place."""

    keys: NDArray[np.int64]
    firsts: NDArray[np.int64]
    lasts: NDArray[np.int64]
    listed: list[int]
    """The keys, to look through by hand: numpy takes ten times as long to begin."""

    @staticmethod
    def of(spans: NDArray[np.int64]) -> "Spans":
        """Of rows (key, first place, last place)."""
        keys, firsts, lasts = spans.T.copy()
        return Spans(keys, firsts, lasts, keys.tolist())


def part(postings: Postings, start: int, end: int) -> Postings:
    """Those from `start` up to `end`."""
    keys, places, texts = postings
    return Postings(keys[start:end], places[start:end], texts[start:end])


def chosen(postings: Postings, which: NDArray[np.bool_] | NDArray[np.int64]) -> Postings:
    """Those told by a mask, or by their numbers."""
    keys, places, texts = postings
    return Postings(keys[which], places[which], texts[which])


def of_rows(rows: Iterable[Posting]) -> Postings:
    """Rows (key, place, text), in any order."""
    return of_records(np.array(sorted(rows), RECORD))


def of_records(records: NDArray[np.void]) -> Postings:
    """Records (key, place, text), each column by itself and in this machine's byte order, as numba has them."""
    return Postings(
        records["key"].astype(np.int32), records["place"].astype(np.int64), records["text"].astype(np.int32)
    )


def last_of(postings: Postings) -> Posting:
    """The last of them."""
    return int(postings.keys[-1]), int(postings.places[-1]), int(postings.texts[-1])


def ordered(postings: Postings) -> Postings:
    """These in the index's order."""
    return chosen(postings, np.lexsort((postings.texts, postings.places, postings.keys)))


def merge(runs: Sequence[Postings]) -> Postings:
    """One run of all of these, two and two."""
    from worker.core.searched import merged

    runs = sorted(runs, key=lambda run: len(run.keys))
    while len(runs) > 1:
        last = [runs[-1]] if len(runs) % 2 else []
        pairs = zip(runs[0::2], runs[1::2], strict=False)
        runs = [Postings(*merged(*one, *two)) for one, two in pairs] + last
    return runs[0]


def pack(postings: Postings) -> bytes:
    """Write them down: the keys, then the places, then the texts, little-endian."""
    return b"".join(column.astype(column.dtype.newbyteorder("<")).tobytes() for column in postings)


def unpack(packed: bytes) -> Postings:
    """Read what `pack` wrote, into memory of its own: numba would compile everything again for what it cannot write."""
    count = len(packed) // 16
    return Postings(
        np.frombuffer(packed, "<i4", count).astype(np.int32),
        np.frombuffer(packed, "<i8", count, 4 * count).astype(np.int64),
        np.frombuffer(packed, "<i4", count, 12 * count).astype(np.int32),
    )


def shards(keys: NDArray[np.int32] | NDArray[np.int64], bits: int = SHARD_BITS) -> Iterator[tuple[int, int, int]]:
    """Which of 2**bits equal parts of the range of keys have any of these, which ascend: (number of the part, where its
    keys start, where they end)."""
    bounds = (np.arange((1 << bits) + 1) << (32 - bits)) - (1 << 31)
    ends = np.searchsorted(keys, bounds).tolist()
    for shard, (start, end) in enumerate(pairwise(ends)):
        if start < end:
            yield shard, start, end


def keys_of(shard: int) -> tuple[int, int]:
    """The first and the last key of a shard."""
    first = (shard << 32 - SHARD_BITS) - (1 << 31)
    return first, first + (1 << 32 - SHARD_BITS) - 1


def joined(parts: Sequence[Postings]) -> Postings:
    """One run of parts of a run, in their order."""
    return Postings(
        np.concatenate([run.keys for run in parts]),
        np.concatenate([run.places for run in parts]),
        np.concatenate([run.texts for run in parts]),
    )


def find(run: Postings, spans: Spans) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of spans, and where in the run their postings are, one for one."""
    from worker.core.searched import search

    start = bisect_left(spans.listed, run.keys[0])
    end = bisect_right(spans.listed, run.keys[-1], start)
    if start == end:
        return _NOTHING, _NOTHING
    found = search(run.keys, run.places, spans.keys, spans.firsts, spans.lasts, start, end)
    return cast("tuple[NDArray[np.int64], NDArray[np.int64]]", found)


_NOTHING: Final = np.empty(0, np.int64)
