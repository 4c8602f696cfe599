"""Eight shards of posting runs instead of sixteen: those of keys below 0 held next to nothing, and as many runs."""

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """The upper eight keep their keys, and what the lower ones hold goes to the first of them."""
    op.execute("UPDATE posting_runs SET shard = CASE WHEN shard > 8 THEN shard - 8 ELSE 0 END WHERE shard >= 0")


def downgrade() -> None:
    """A shard may hold any keys; it is only slower to look into."""
    op.execute("UPDATE posting_runs SET shard = shard + 8 WHERE shard >= 0")
