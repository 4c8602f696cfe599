"""Which pairs are worth verifying: those that share enough index keys, and then a passage.

Both steps look at the two texts alone, never at how common a key is at the moment: that would depend on what had
arrived before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worker.core.kernel import CALENDAR, NUMBER, compiled

MIN_SHARED: Final = 3
"""Sampled shingles two texts must share; one shared LSH band is enough by itself."""
PASSAGE: Final = 6
"""Words in a row, numbers and calendar words counting as equal among themselves."""
ENOUGH: Final = 3
"""Places at which such a run must be shared. Loses 5 of 6,000 links on 12,000 real articles, and with them a third of
all comparisons: stock phrases are shorter."""


def propose(
    keys: Mapping[int, NDArray[np.int32]], posted_keys: NDArray[np.int64], posted_texts: NDArray[np.int64]
) -> set[tuple[int, int]]:
    """Name the pairs (smaller id first) to look at, of the texts in `keys` with any text posted under their keys.

    `posted_keys[i]` and `posted_texts[i]` are one row of the index. A band key (below 0) counts `MIN_SHARED`, a sampled
    shingle one; a pair is proposed from `MIN_SHARED` on. Pure, and independent of the order of the postings.
    """
    order = np.argsort(posted_keys, kind="stable")
    posted_keys, posted_texts = posted_keys[order], posted_texts[order]
    weights = np.where(posted_keys < 0, MIN_SHARED, 1)
    pairs: set[tuple[int, int]] = set()
    for text, own in keys.items():
        own = np.sort(own).astype(np.int64)
        low, high = np.searchsorted(posted_keys, own, "left"), np.searchsorted(posted_keys, own, "right")
        places = [np.arange(a, b) for a, b in zip(low, high, strict=True) if b > a]
        if not places:
            continue
        hits = np.concatenate(places)
        others, inverse = np.unique(posted_texts[hits], return_inverse=True)
        score = np.bincount(inverse, weights=weights[hits])
        pairs |= {(min(text, other), max(text, other)) for other in others[score >= MIN_SHARED].tolist()}
    return {(a, b) for a, b in pairs if a != b}


def share_passage(text: NDArray[np.uint32], others: Sequence[NDArray[np.uint32]]) -> NDArray[np.bool_]:
    """Tell which of `others` have `PASSAGE` words in a row in common with `text`.

    Takes 12 µs a text of 660 words, a tenth of a full comparison. A hash collision only costs that comparison.
    """
    lengths = np.array([len(other) for other in others], np.int64)
    joined = np.concatenate(others) if others else np.empty(0, np.uint32)
    found: NDArray[np.bool_] = _share_passage(text, joined, lengths)
    return found


@compiled
def _gram(words: Any, at: Any) -> Any:
    """Hash `PASSAGE` words from a place on; never 0."""
    h = np.uint64(1469598103934665603)
    for place in range(at, at + PASSAGE):
        word = np.uint64(words[place])
        kind = word & np.uint64(3)
        if kind in (NUMBER, CALENDAR):  # a number or calendar word: what stands in a slot
            word = kind
        h = (h ^ (word + np.uint64(0x9E3779B97F4A7C15))) * np.uint64(0xBF58476D1CE4E5B9)
        h ^= h >> np.uint64(29)
    return h | np.uint64(1)


@compiled
def _share_passage(text: Any, joined: Any, lengths: Any) -> Any:
    size = 64
    while size < 2 * len(text):
        size *= 2
    mask = np.uint64(size - 1)
    table = np.zeros(size, np.uint64)
    for at in range(len(text) - PASSAGE + 1):
        gram = _gram(text, at)
        slot = (gram >> np.uint64(20)) & mask
        while table[slot] != 0 and table[slot] != gram:
            slot = (slot + np.uint64(1)) & mask
        table[slot] = gram
    found = np.zeros(len(lengths), np.bool_)
    start = 0
    for number in range(len(lengths)):
        shared = 0
        for at in range(start, start + lengths[number] - PASSAGE + 1):
            gram = _gram(joined, at)
            slot = (gram >> np.uint64(20)) & mask
            while table[slot] != 0 and table[slot] != gram:
                slot = (slot + np.uint64(1)) & mask
            if table[slot] == gram:
                shared += 1
                if shared == ENOUGH:
                    found[number] = True
                    break
        start += lengths[number]
    return found
