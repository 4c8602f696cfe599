"""Which pairs are worth verifying: those that an index key leads between.

Which keys lead from one text to another does not depend on what arrived when: see `worker.core.cells`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.core.kernel import compiled

ENOUGH: Final = 2
"""What the keys must count that lead from one text to another. A key that few texts have counts as much by itself; of
common ones, stock phrases for the most part, it takes two: what single ones propose grows with the number of articles.
"""


def common_weight(key: int) -> int:
    """What a common key counts. LSH bands and the keys of short texts (below 0) stand for all of a text."""
    return ENOUGH if key < 0 else 1


def propose(
    leads: NDArray[np.int64], lists: Sequence[NDArray[np.int64]], rare: int
) -> dict[tuple[int, int], tuple[int, int]]:
    """Name the pairs (smaller id first) to look at: what the keys count that lead from one to the other, and by how
    many more of them are rare than common.

    Rows of `leads` are a text, a key it has, and the number of a list of texts the key leads to; a key may lead to
    several, and counts once. The first `rare` lists are of keys that few texts have. Pure, and independent of order.
    """
    leads = leads[np.lexsort((leads[:, 1], leads[:, 0]))]
    targets, starts = np.unique(leads[:, 0], return_index=True)
    starts = np.append(starts, len(leads))
    offsets = np.cumsum([0, *map(len, lists)])
    texts = np.concatenate((np.empty(0, np.int64), *lists))
    found = _count(targets, starts, leads[:, 1].copy(), leads[:, 2].copy(), offsets, texts, rare, ENOUGH)
    return {(min(a, b), max(a, b)): (shared, rarer) for a, b, shared, rarer in found.tolist()}


@compiled
def _count(targets, starts, keys, numbers, offsets, texts, rare, least):  # type: ignore[no-untyped-def]
    """Rows (text, other, what their keys count, rare less common ones), with one small hash table a text."""
    out = np.empty((256, 4), np.int64)
    found = 0
    for target in range(len(targets)):
        posted = 0
        for lead in range(starts[target], starts[target + 1]):
            posted += offsets[numbers[lead] + 1] - offsets[numbers[lead]]
        size = 64
        while size < 2 * posted:
            size *= 2
        others = np.full(size, -1, np.int64)
        counts = np.zeros(size, np.int64)
        rarer = np.zeros(size, np.int64)
        last = np.empty(size, np.int64)  # the key counted last: a key is posted on each day its text appeared
        for lead in range(starts[target], starts[target + 1]):
            key = keys[lead]
            for at in range(offsets[numbers[lead]], offsets[numbers[lead] + 1]):
                other = texts[at]
                slot = (other * 0x9E3779B1 >> 7) & (size - 1)
                while others[slot] not in (-1, other):
                    slot = (slot + 1) & (size - 1)
                if others[slot] == other and last[slot] == key:
                    continue
                others[slot], last[slot] = other, key
                counts[slot] += least if key < 0 or numbers[lead] < rare else 1
                rarer[slot] += 1 if numbers[lead] < rare else -1
        for slot in range(size):
            if counts[slot] >= least and others[slot] != targets[target]:
                if found == len(out):
                    out = np.concatenate((out, np.empty_like(out)))
                out[found, 0], out[found, 1] = targets[target], others[slot]
                out[found, 2], out[found, 3] = counts[slot], rarer[slot]
                found += 1
    return out[:found]
