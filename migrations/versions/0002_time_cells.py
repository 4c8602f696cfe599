"""Postings have a place in time, and common keys are divided into cells: `newsfold rebuild` fills both."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Empty the index: where a text is posted takes its digest's hash, which SQL cannot compute."""
    op.drop_table("text_keys")
    op.create_table(
        "text_keys",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "place", "text_id", name=op.f("pk_text_keys")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "halved_cells",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("cell", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", "cell", name=op.f("pk_halved_cells")),
        sqlite_with_rowid=False,
    )
    op.add_column("matches", sa.Column("shared_keys", sa.Integer(), nullable=True))
    op.add_column("matches", sa.Column("firm", sa.Boolean(), nullable=False, server_default=sa.true()))


def downgrade() -> None:
    """Take the index back to one row a key and text, empty."""
    op.drop_column("matches", "firm")
    op.drop_column("matches", "shared_keys")
    op.drop_table("halved_cells")
    op.drop_table("text_keys")
    op.create_table(
        "text_keys",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_text_keys_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "text_id", name=op.f("pk_text_keys")),
        sqlite_with_rowid=False,
    )
