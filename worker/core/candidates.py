"""Which pairs are worth verifying: those that an index key leads between.

Which keys lead from one text to another does not depend on what arrived when: see `worker.core.cells`. Keys are rare
(at most `cells.RARE` postings), frequent, or common (more than a cell holds).
"""

from collections.abc import Collection, Sequence
from typing import Final, NamedTuple, cast

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


class Listed(NamedTuple):
    """Lists of texts by number: list n is `texts[starts[n]:starts[n + 1]]`."""

    starts: NDArray[np.int64]
    """One more than there are lists."""
    texts: NDArray[np.int64]

    @staticmethod
    def of(numbers: NDArray[np.int64], texts: NDArray[np.int64], count: int) -> "Listed":
        """From texts and the number of the list each is in, one for one, of so many lists."""
        starts = np.concatenate((_ZERO, np.cumsum(np.bincount(numbers, minlength=count))))
        return Listed(starts, texts[np.argsort(numbers, kind="stable")])

    def and_those(self, more: Sequence[Sequence[int]]) -> "Listed":
        """These lists, and behind them others."""
        starts = self.starts[-1] + np.cumsum([len(texts) for texts in more], dtype=np.int64)
        texts = np.array([text for texts in more for text in texts], np.int64)
        return Listed(np.concatenate((self.starts, starts)), np.concatenate((self.texts, texts)))


def propose(leads: NDArray[np.int64], listed: Listed, common: NDArray[np.int64]) -> NDArray[np.int64]:
    """Name the pairs to look at, each once, text by text: rows (text, other, what the keys count that lead from one to
    the other, if the match is firm and if it is not).

    Rows of `leads` are a text, a key it has, and the number of a list of texts the key leads to; a key may lead to
    several, which stand together, and counts once. `common` holds the `level` of each list's key. Pure, and otherwise
    independent of order.
    """
    from worker.core.tally import tally

    texts, keys, numbers = leads[np.argsort(leads[:, 0], kind="stable")].T.copy()
    starts = np.flatnonzero(np.diff(texts, prepend=texts[:1] - 1))
    targets = texts[starts]
    found = tally(targets, np.append(starts, len(texts)), keys, numbers, *listed, common, ENOUGH)
    once = ~np.isin(found[:, 1], targets) | (found[:, 0] < found[:, 1])
    return cast("NDArray[np.int64]", found[once])


_ZERO: Final = np.zeros(1, np.int64)
