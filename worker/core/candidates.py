"""Which pairs are worth verifying: those that share enough index keys."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

MIN_SHARED: Final = 3
"""Sampled shingles two texts must share; one shared LSH band is enough by itself."""


def propose(
    keys: Mapping[int, NDArray[np.int32]], posted_keys: NDArray[np.int64], posted_texts: NDArray[np.int64]
) -> set[tuple[int, int]]:
    """Name the pairs (smaller id first) to verify, of the texts in `keys` with any text posted under their keys.

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
        for other in others[score >= MIN_SHARED].tolist():
            if other != text:
                pairs.add((min(text, other), max(text, other)))
    return pairs
