"""A Bloom filter of index keys (Bloom 1970): which of them were surely never added.

With one hash, which is the key itself: the keys of texts are hashes already. What is asked for ascends, and so does
where it is looked for; several hashes would lie anywhere. A filter is of one shard: keys with the same upper bits.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.core.runs import SHARD_BITS

BITS: Final = 25
"""2**BITS bits a filter, 4 MB: one in seven is set by 5 million keys in a shard, as among a million articles."""
Filter = NDArray[np.uint8]


def empty() -> Filter:
    """One that holds nothing."""
    return np.zeros(1 << BITS - 3, np.uint8)


def add(held: Filter, keys: NDArray[np.int32]) -> None:
    """Add keys."""
    at = _places(keys)
    np.bitwise_or.at(held, at >> 3, _MASKS[at & 7])


def may_hold(held: Filter, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell of each key whether it may have been added."""
    at = _places(keys)
    return np.asarray(held[at >> 3] & _MASKS[at & 7], np.bool_)


def pack(held: Filter) -> bytes:
    """Write it down: as it is, or while few bits are set as their numbers (little-endian uint32), which is shorter."""
    words = held.view("<u8")
    if int(np.bitwise_count(words).sum()) * 4 >= len(held):
        return held.tobytes()
    some = np.flatnonzero(words)  # to look at each bit takes 30 ms
    which, bit = np.nonzero(np.unpackbits(held.reshape(-1, 8)[some], axis=1, bitorder="little"))
    return (some[which] * 64 + bit).astype("<u4").tobytes()


def unpack(packed: bytes) -> Filter:
    """Read what `pack` wrote."""
    if len(packed) == 1 << BITS - 3:
        return np.frombuffer(packed, np.uint8).copy()
    held = empty()
    at = np.frombuffer(packed, "<u4")
    np.bitwise_or.at(held, at >> 3, _MASKS[at & 7])
    return held


def _places(keys: NDArray[np.int32] | NDArray[np.int64]) -> NDArray[np.int64]:
    return keys.astype(np.int64) >> 32 - SHARD_BITS - BITS & (1 << BITS) - 1


_MASKS: Final = np.array([1, 2, 4, 8, 16, 32, 64, 128], np.uint8)
