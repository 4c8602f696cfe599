"""Pages of postings, as PostgreSQL keeps the index: some dozens in a row, one after the other.

A row of PostgreSQL takes 28 bytes beside its columns, and as many again in the index that finds it: a posting of 16
bytes took 100. It has no table that is its own index, as SQLite has. So these are the leaves of one, a B+ tree (Comer
1979), and the index that PostgreSQL keeps of their rows is what lies above.
"""

from typing import Final, cast

import numpy as np
from numpy.typing import NDArray

from worker.core.runs import RECORD, Postings, Spans, chosen, find, of_records

FULL: Final = 120
"""Most postings in a page, not quite 2 KB: of a longer row PostgreSQL puts a part elsewhere."""

Numbers = NDArray[np.int64]

_PACKED: Final = RECORD.newbyteorder(">")
"""One posting after the other, so that a page is a slice of what is written for many; in the byte order in which
PostgreSQL sends numbers, so that its functions can read them."""
SIZE: Final = _PACKED.itemsize


def pack(postings: Postings) -> bytes:
    """Write postings down, `SIZE` bytes each."""
    packed = np.empty(len(postings.keys), _PACKED)
    packed["key"], packed["place"], packed["text"] = postings
    return packed.tobytes()


def unpack(packed: bytes) -> Postings:
    """Read postings that were written down, one page after the other."""
    return of_records(np.frombuffer(packed, _PACKED))


def cuts(sizes: Numbers) -> tuple[Numbers, Numbers]:
    """Cut pages that are to have more postings than they may, evenly: where each part ends, and of which page it is."""
    parts = -(-sizes // FULL)
    page = np.repeat(np.arange(len(sizes)), parts)
    number = np.arange(len(page)) - (np.cumsum(parts) - parts)[page]
    return (np.cumsum(sizes) - sizes)[page] + sizes[page] * (number + 1) // parts[page], page


def pages_of(firsts: Postings, postings: Postings) -> Numbers:
    """In which of the pages that begin with `firsts` each of these postings belongs, -1 if before all; all ascend."""
    from worker.core.searched import reached

    return cast("Numbers", reached(*firsts, *postings))


def among(held: Postings, asked: Postings) -> tuple[Numbers, Numbers]:
    """Numbers of those of these postings that are there, and where; all ascend."""
    if not len(held.keys) or not len(asked.keys):
        return _NOTHING, _NOTHING
    keys, places, _ = (column.astype(np.int64) for column in asked)
    numbers, at = find(held, Spans.of(np.column_stack((keys, places, places))))
    same = held.texts[at] == asked.texts[numbers]
    return numbers[same], at[same]


def without(postings: Postings, at: Numbers) -> Postings:
    """All but those at these numbers."""
    left = np.ones(len(postings.keys), np.bool_)
    left[at] = False
    return chosen(postings, left)


_NOTHING: Final = np.empty(0, np.int64)
