"""Filters of twice as many bits: of the keys that no other text has half as many are looked for in vain."""

import secrets
from collections.abc import Callable

import numpy as np
import sqlalchemy as sa
from alembic import op
from numpy.typing import NDArray

BITS = 24
"""Before."""

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Two bits for each, both set if it was, until `prune` makes them anew."""
    _anew(BITS, lambda bits: np.repeat(bits, 2))


def downgrade() -> None:
    """One bit for two."""
    _anew(BITS + 1, lambda bits: bits[0::2] | bits[1::2])


def _anew(size: int, change: Callable[[NDArray[np.bool_]], NDArray[np.bool_]]) -> None:
    write = sa.text("UPDATE key_filters SET version = :version, data = :data WHERE shard = :shard")
    for row in op.get_bind().execute(sa.text("SELECT shard, data FROM key_filters WHERE version <> 0")).all():
        data = _pack(change(_unpack(row.data, size)))
        op.get_bind().execute(write, {"shard": row.shard, "version": secrets.randbits(62) + 1, "data": data})


def _unpack(data: bytes, size: int) -> NDArray[np.bool_]:
    if len(data) == 1 << size - 3:
        return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(np.bool_)
    bits = np.zeros(1 << size, np.bool_)
    bits[np.frombuffer(data, "<u4")] = True
    return bits


def _pack(bits: NDArray[np.bool_]) -> bytes:
    few = np.flatnonzero(bits)
    return few.astype("<u4").tobytes() if len(few) * 32 < len(bits) else np.packbits(bits, bitorder="little").tobytes()
