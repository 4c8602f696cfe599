"""PostgreSQL keeps the entered postings in pages: row by row each took 100 bytes, for 16 of its own."""

import sqlalchemy as sa
from alembic import op

RANGES = 256
"""Parts of the range of keys moved one after the other; sixteen to a shard, of which no page has two."""
FILLED = 80
"""Postings in a page, so that it need not be cut as soon as some are added."""

PAGES = """
    INSERT INTO key_pages (key, place, text_id, data)
    SELECT
        min(key), (array_agg(place ORDER BY number))[1], (array_agg(text_id ORDER BY number))[1],
        string_agg(int4send(key) || int8send(place) || int4send(text_id), '' ORDER BY number)
    FROM (
        SELECT key, place, text_id, row_number() OVER (ORDER BY key, place, text_id) - 1 AS number
        FROM text_keys WHERE key BETWEEN {first} AND {last}
    ) AS numbered
    GROUP BY number / {filled}
"""
ROWS = """
    INSERT INTO text_keys (key, place, text_id)
    SELECT
        ('x' || encode(substr(data, at + 1, 4), 'hex'))::bit(32)::int,
        ('x' || encode(substr(data, at + 5, 8), 'hex'))::bit(64)::bigint,
        ('x' || encode(substr(data, at + 13, 4), 'hex'))::bit(32)::int
    FROM key_pages CROSS JOIN generate_series(0, length(data) - 16, 16) AS at
    WHERE key BETWEEN {first} AND {last}
"""

FILL = 50
"""Per cent of a block that are filled at first: the rest is for what is written anew."""

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make pages of rows; on SQLite the table is its own index and stays."""
    if op.get_bind().dialect.name == "sqlite":
        return
    data = sa.Column("data", sa.LargeBinary(), nullable=False)
    op.create_table("key_pages", *_columns(), data, _key("key_pages"), postgresql_with={"fillfactor": FILL})
    _move(PAGES)
    op.drop_table("text_keys")


def downgrade() -> None:
    """Make rows of pages."""
    if op.get_bind().dialect.name == "sqlite":
        return
    op.create_table("text_keys", *_columns(), _key("text_keys"))
    _move(ROWS)
    op.drop_table("key_pages")


def _columns() -> list[sa.Column[int]]:
    return [
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
    ]


def _key(table: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint("key", "place", "text_id", name=op.f(f"pk_{table}"))


def _move(statement: str) -> None:
    size = (1 << 32) // RANGES
    for first in range(-(1 << 31), 1 << 31, size):
        op.get_bind().exec_driver_sql(statement.format(first=first, last=first + size - 1, filled=FILLED))
