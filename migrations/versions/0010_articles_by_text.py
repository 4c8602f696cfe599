"""An article is one of its text, and an item is found by source and id.

Two indexes less in which a new article lies anywhere: among a million each took a page of its own for every article.
"""

from alembic import op

BY_KEY = ("uq_articles_key", ["key"])
BY_TEXT = ("uq_articles_text_id_key", ["text_id", "key"])

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


def _instead(old: tuple[str, list[str]], new: tuple[str, list[str]]) -> None:
    on_sqlite = op.get_bind().dialect.name == "sqlite"
    if on_sqlite:  # or it would not rename a table while views tell of one that is gone
        op.execute("PRAGMA legacy_alter_table = ON")
    with op.batch_alter_table("articles") as articles:
        articles.drop_constraint(old[0], type_="unique")
        articles.create_unique_constraint(*new)
    if on_sqlite:
        op.execute("PRAGMA legacy_alter_table = OFF")
