"""The newest postings wait in runs: entered one article at a time, each took a page of the index of its own.

And SQLite's search collects more words in memory before it writes them: 1 MB by default, some 500 articles.
"""

import struct

import sqlalchemy as sa
from alembic import op

COLLECTED = 16 << 20
"""Bytes."""

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Nothing waits yet."""
    op.create_table(
        "posting_runs",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("shard", sa.Integer(), nullable=False),
        sa.Column("postings", sa.Integer(), nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_posting_runs")),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE posting_runs ALTER data SET STORAGE EXTERNAL")
    else:
        _collect(COLLECTED)


def downgrade() -> None:
    """Enter what waits."""
    connection = op.get_bind()
    enter = sa.text("INSERT INTO text_keys (key, place, text_id) VALUES (:key, :place, :text)")
    for postings, data in connection.execute(sa.text("SELECT postings, data FROM posting_runs")).all():
        columns = struct.unpack(f"<{postings}i{postings}q{postings}i", data)
        keys, places, texts = columns[:postings], columns[postings : 2 * postings], columns[2 * postings :]
        rows = [{"key": k, "place": p, "text": t} for k, p, t in zip(keys, places, texts, strict=True)]
        connection.execute(enter, rows)
    op.drop_table("posting_runs")
    if connection.dialect.name == "sqlite":
        _collect(1 << 20)


def _collect(size: int) -> None:
    setting = sa.text("INSERT INTO text_search(text_search, rank) VALUES ('hashsize', :size)")
    op.get_bind().execute(setting, {"size": size})
