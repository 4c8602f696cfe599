"""Which pairs are worth verifying: those that an index key leads between.

Which keys lead from one text to another does not depend on what arrived when: see `worker.core.cells`. Keys are rare
(at most `cells.RARE` postings), frequent, or common (more than a cell holds).
"""

from collections.abc import Collection, Sequence
from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from worker.core.cells import COMMON, level

ENOUGH: Final = 4
"""What the keys must count that lead from one text to another: one rare key does, or two frequent ones, or four common.

What others than rare ones propose are stock phrases for the most part, and the more articles, the more of it.
"""


def counts(key: int, halved: Collection[int], *, firm: bool) -> int:
    """What a key counts for a pair it leads between, whose cells `halved` were halved.

    Common ones count against a match that is not `firm`. LSH bands and the keys of short texts (below 0) stand for all
    of a text: one is enough.
    """
    common = level(halved)
    if common == COMMON and not firm:
        return -ENOUGH
    return ENOUGH >> common if key >= 0 else ENOUGH


def propose(leads: NDArray[np.int64], lists: Sequence[NDArray[np.int64]], common: Sequence[int]) -> NDArray[np.int64]:
    """Name the pairs to look at, each once, text by text: rows (text, other, what the keys count that lead from one to
    the other, if the match is firm and if it is not).

    Rows of `leads` are a text, a key it has, and the number of a list of texts the key leads to; a key may lead to
    several, and counts once. `common` holds the `level` of each list's key. Pure, and independent of order.
    """
    from worker.core.tally import tally

    leads = leads[np.lexsort((leads[:, 1], leads[:, 0]))]
    targets, starts = np.unique(leads[:, 0], return_index=True)
    starts = np.append(starts, len(leads))
    offsets = np.cumsum([0, *map(len, lists)])
    texts = np.concatenate((np.empty(0, np.int64), *lists))
    found = tally(
        targets, starts, leads[:, 1].copy(), leads[:, 2].copy(), offsets, texts, np.array(common, np.int64), ENOUGH
    )
    once = ~np.isin(found[:, 1], targets) | (found[:, 0] < found[:, 1])
    return cast("NDArray[np.int64]", found[once])
