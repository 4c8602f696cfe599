"""Which keys may be entered in the index, as processes keep it: most of a new text no other has, and need no search.

A filter for each shard, written by whoever enters postings, in the same transaction; so none misses what is there. What
is deleted stays in it until `refresh`, and costs a search that finds nothing.
"""

import secrets
from collections.abc import Iterator
from functools import partial
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, select, update

from models import dialect
from models.engine import look, transact
from models.tables import KeyFilter
from worker.core import bloom
from worker.core.bloom import Filter
from worker.core.runs import SHARD_BITS, shards
from worker.entered import through

PIECE: Final = 1 << 16
"""Postings read at a time."""
TRIES: Final = 3
"""How often a shard is read anew because something was entered meanwhile."""

_KEPT: WeakKeyDictionary[Engine, dict[int, tuple[int, Filter]]] = WeakKeyDictionary()
"""Filters that were written or read, by shard, with their versions."""

_SHARD = KeyFilter.shard == bindparam("of")
_LOCKED = select(KeyFilter.version).where(_SHARD).with_for_update()
_WRITE = update(KeyFilter).where(_SHARD)
_EMPTIED = update(KeyFilter).values(version=0, data=b"")


def add(connection: Connection, keys: NDArray[np.int32]) -> None:
    """Note keys, which ascend, that are being entered."""
    for shard, start, end in shards(keys):
        version = connection.scalar(_LOCKED, {"of": shard})
        old = _held(connection, {shard: version or 0}).get(shard)
        new = bloom.empty() if old is None else old.copy()  # what others of this process hold never changes
        bloom.add(new, keys[start:end])
        _write(connection, shard, new)


def sought(connection: Connection, keys: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Tell which of these keys, which ascend, may be entered."""
    held = _held(connection, dict(dialect.filter_versions(connection)))
    may = np.zeros(len(keys), np.bool_)
    for shard, start, end in shards(keys):
        if shard in held:
            may[start:end] = bloom.may_hold(held[shard], keys[start:end])
    return may


def forget(connection: Connection) -> None:
    """Empty them all, as the index is."""
    connection.execute(_EMPTIED)


def refresh(engine: Engine) -> Iterator[int]:
    """Make them anew from what is entered, shard by shard, beside running workers; yield how many keys each has.

    A shard in which something is entered each time is left as it is.
    """
    for shard in range(1 << SHARD_BITS):
        for _ in range(TRIES):
            version, count, held = look(engine, partial(_survey, shard=shard))
            if not version or transact(engine, partial(_replace, shard=shard, version=version, held=held)):
                break
        yield count


def _survey(connection: Connection, shard: int) -> tuple[int, int, Filter]:
    version = dict(dialect.filter_versions(connection))[shard]
    held, count = bloom.empty(), 0
    newest = None
    for found in through(connection, PIECE, shard):
        bloom.add(held, found.keys)
        count += np.count_nonzero(np.diff(found.keys)) + (found.keys[0] != newest)
        newest = found.keys[-1]
    return version, int(count), held


def _replace(connection: Connection, shard: int, version: int, held: Filter) -> bool:
    if connection.scalar(_LOCKED, {"of": shard}) != version:
        return False
    _write(connection, shard, held)
    return True


def _write(connection: Connection, shard: int, held: Filter) -> None:
    version = secrets.randbits(62) + 1
    connection.execute(_WRITE.values(version=version, data=bloom.pack(held)), {"of": shard})
    _KEPT.setdefault(connection.engine, {})[shard] = version, held


def _held(connection: Connection, versions: dict[int, int]) -> dict[int, Filter]:
    """The filters of these shards, but those that are empty."""
    kept = _KEPT.setdefault(connection.engine, {})
    versions = {shard: version for shard, version in versions.items() if version}
    missing = [shard for shard, version in versions.items() if shard not in kept or kept[shard][0] != version]
    for shard, version, data in dialect.filters(connection, missing) if missing else ():
        kept[shard] = version, bloom.unpack(data)
    return {shard: kept[shard][1] for shard in versions}
