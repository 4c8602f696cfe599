"""What every process keeps of the index: which keys it may hold, and which cells were halved, in the order they were.

Both were asked of the database key by key, most of which nobody else has.
"""

import secrets
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
import sqlalchemy as sa
from alembic import op

SHARDS = 16
BITS = 24
"""Of 28 bits of a key that differ in a shard, the upper ones number a bit of the filter."""
PIECE = 1 << 16

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make filters of what is in the index, and number the cells."""
    op.create_table(
        "key_filters",
        sa.Column("shard", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("shard", name=op.f("pk_key_filters")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE key_filters ALTER data SET STORAGE EXTERNAL")
    insert = sa.text("INSERT INTO key_filters (shard, version, data) VALUES (:shard, :version, :data)")
    for shard in range(SHARDS):
        data = _filter(shard)
        version = secrets.randbits(62) + 1 if data else 0
        op.get_bind().execute(insert, {"shard": shard, "version": version, "data": data})
    _halved_cells_anew(
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Integer(), nullable=False),
        sa.Column("cell", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_halved_cells")),
        sa.UniqueConstraint("key", "cell", name=op.f("uq_halved_cells_key_cell")),
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Take the numbers away, and the filters."""
    _halved_cells_anew(
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "cell", name=op.f("pk_halved_cells")),
        sqlite_with_rowid=False,
    )
    op.drop_table("key_filters")


def _halved_cells_anew(*columns: Any, **options: Any) -> None:
    op.execute("CREATE TABLE halved_before AS SELECT key, cell FROM halved_cells")
    op.drop_table("halved_cells")
    op.create_table("halved_cells", *columns, **options)
    op.execute("INSERT INTO halved_cells (key, cell) SELECT key, cell FROM halved_before ORDER BY key, cell")
    op.drop_table("halved_before")


def _filter(shard: int) -> bytes:
    flags = np.zeros(1 << BITS, np.bool_)
    for keys in _keys(shard):
        flags[np.array(keys, np.int64) >> 28 - BITS & (1 << BITS) - 1] = True
    few = np.flatnonzero(flags)
    return few.astype("<u4").tobytes() if len(few) * 32 < 1 << BITS else np.packbits(flags, bitorder="little").tobytes()


def _keys(shard: int) -> Iterator[Sequence[int]]:
    first = (shard << 28) - (1 << 31)
    last = first + (1 << 28) - 1
    while first <= last:  # as the driver has them: SQLAlchemy takes ten times as long for a million of rows
        with closing(op.get_bind().connection.cursor()) as cursor:
            here = f"key BETWEEN {first} AND {last}"
            cursor.execute(f"SELECT DISTINCT key FROM text_keys WHERE {here} ORDER BY key LIMIT {PIECE}")  # noqa: S608
            keys = [row[0] for row in cursor.fetchall()]
        yield keys
        first = keys[-1] + 1 if len(keys) == PIECE else last + 1
