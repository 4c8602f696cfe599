"""SQLite's search merges sixteen of its segments at a time, where it merged four: texts are written anew less often.

As many as thirty-two wait before all is merged at once, or that would come first and hold up every writer.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Merge later."""
    _merge(automerge=16, crisismerge=32)


def downgrade() -> None:
    """Merge as FTS5 does by itself."""
    _merge(automerge=4, crisismerge=16)


def _merge(**settings: int) -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        statement = sa.text("INSERT INTO text_search(text_search, rank) VALUES (:name, :value)")
        connection.execute(statement, [{"name": name, "value": value} for name, value in settings.items()])
