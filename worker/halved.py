"""The halved cells of common keys, as every process keeps them: asked for anew they took a search for each key.

Some 200,000 among a million articles, 12 bytes each. They only become more, but for a rebuild, which takes them all.
"""

from collections import defaultdict
from typing import Final, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine

from models import dialect

PIECE: Final = 1 << 14
"""Cells read at a time."""


class _Kept(NamedTuple):
    newest: tuple[int, int, int]
    """Number, key and cell of the last one that was read."""
    keys: NDArray[np.int32]
    """Ascending."""
    cells: NDArray[np.int64]


_NOTHING: Final = _Kept((0, 0, 0), np.empty(0, np.int32), np.empty(0, np.int64))
_KEPT: WeakKeyDictionary[Engine, _Kept] = WeakKeyDictionary()


def halved_cells(connection: Connection, keys: NDArray[np.int32] | NDArray[np.int64]) -> defaultdict[int, set[int]]:
    """The halved cells of those of these keys that have any. To be called before any is halved in the transaction:
    that may be rolled back."""
    kept = _KEPT[connection.engine] = _read(connection, _KEPT.get(connection.engine, _NOTHING))
    if not len(kept.keys):
        return defaultdict(set)
    asked = keys.astype(np.int32)  # of the same type, or all that is kept would be copied
    starts = np.searchsorted(kept.keys, asked)
    have = np.flatnonzero(kept.keys.take(starts, mode="clip") == asked)
    ends = np.searchsorted(kept.keys, asked[have], "right")
    parts = zip(keys[have].tolist(), starts[have].tolist(), ends.tolist(), strict=True)
    return defaultdict(set, {key: set(kept.cells[start:end].tolist()) for key, start, end in parts})


def _read(connection: Connection, kept: _Kept) -> _Kept:
    """These and what is new; all anew if the last one is not there any more, after a rebuild or a restore."""
    found = _since(connection, kept.newest[0])
    if kept is not _NOTHING:
        if found[:1].tolist() != [[*kept.newest]]:
            return _read(connection, _NOTHING)
        found = found[1:]
    if not len(found):
        return kept
    _, keys, cells = found[np.argsort(found[:, 1], kind="stable")].T
    at = np.searchsorted(kept.keys, keys.astype(np.int32))
    number, key, cell = found[-1].tolist()
    return _Kept((number, key, cell), np.insert(kept.keys, at, keys), np.insert(kept.cells, at, cells))


def _since(connection: Connection, number: int) -> NDArray[np.int64]:
    """Rows (number, key, cell) from this number on."""
    pieces = [np.empty((0, 3), np.int64)]
    while rows := dialect.halved_cells(connection, number, PIECE):
        pieces.append(np.array(rows, np.int64))
        number = rows[-1][0] + 1
    return np.concatenate(pieces)
