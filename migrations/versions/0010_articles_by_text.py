"""An article is one of its text, and an item is found by source and id: two indexes less in which a new article lies
anywhere, so that among a million each took a page of its own for every article.
"""

import sqlalchemy as sa
from alembic import op

BY_KEY = ("uq_articles_key", 'UNIQUE ("key")')
BY_TEXT = ("uq_articles_text_id_key", 'UNIQUE (text_id, "key")')

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Lay the articles down anew on SQLite, which cannot take a constraint away."""
    op.drop_index("ix_articles_item", "articles")
    op.drop_index("ix_articles_text_id", "articles")
    _instead(BY_KEY, BY_TEXT)


def downgrade() -> None:
    """The other way round."""
    _instead(BY_TEXT, BY_KEY)
    op.create_index("ix_articles_text_id", "articles", ["text_id"])
    op.create_index("ix_articles_item", "articles", ["item"])


def _instead(old: tuple[str, str], new: tuple[str, str]) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE articles DROP CONSTRAINT {old[0]}, ADD CONSTRAINT {new[0]} {new[1]}")
        return
    told = "SELECT type, sql FROM sqlite_master WHERE tbl_name = 'articles' AND sql IS NOT NULL"
    made = op.get_bind().execute(sa.text(f"{told} AND type IN ('table', 'index')")).all()
    op.execute("CREATE TABLE articles_before AS SELECT * FROM articles")
    op.drop_table("articles")
    for _, statement in sorted(made, key=lambda row: row.type == "index"):
        op.execute(statement.replace(" ".join(("CONSTRAINT", *old)), " ".join(("CONSTRAINT", *new))))
        if statement.startswith("CREATE TABLE"):
            op.execute("INSERT INTO articles SELECT * FROM articles_before")
    op.drop_table("articles_before")
