"""The first schema: the ledger, texts and their keys, articles, matches, stories, and the views of the contract."""

import sqlalchemy as sa
from alembic import op

from models.base import Json, UTCDateTime

revision = "0001"
down_revision = None

# Frozen with this revision: a later one that changes a view carries its own text.
VIEWS = {
    "story_members": """
CREATE VIEW story_members AS
SELECT t.story_id AS story_id,
       a.id AS article_id,
       a.external_id AS external_id,
       a.source AS source,
       a.headline AS headline,
       a.url AS url,
       a.published_at AS published_at,
       a.received_at AS received_at,
       CASE WHEN a.id = c.article_id THEN 'canonical'
            WHEN t.id = c.id THEN 'exact'
            ELSE t.relation END AS relation,
       c.article_id AS canonical_article_id,
       CASE WHEN t.id = c.id THEN 1.0 ELSE t.jaccard END AS jaccard,
       CASE WHEN t.id = c.id THEN 1.0 ELSE t.containment END AS containment,
       t.withdrawn AS withdrawn
FROM articles a
JOIN texts t ON t.id = a.text_id
JOIN stories s ON s.id = t.story_id
JOIN texts c ON c.id = s.canonical_text_id
WHERE a.embargoed_until IS NULL OR a.embargoed_until <= CURRENT_TIMESTAMP""",
    "story_summaries": """
CREATE VIEW story_summaries AS
SELECT s.id AS story_id,
       c.article_id AS canonical_article_id,
       ca.headline AS headline,
       min(a.published_at) AS first_published_at,
       max(a.published_at) AS last_published_at,
       count(*) AS article_count,
       count(DISTINCT a.source) AS source_count,
       c.withdrawn AS withdrawn
FROM stories s
JOIN texts c ON c.id = s.canonical_text_id
JOIN articles ca ON ca.id = c.article_id
JOIN texts t ON t.story_id = s.id
JOIN articles a ON a.text_id = t.id
WHERE a.embargoed_until IS NULL OR a.embargoed_until <= CURRENT_TIMESTAMP
GROUP BY s.id, c.article_id, ca.headline, c.withdrawn""",
    "match_evidence": """
CREATE VIEW match_evidence AS
SELECT a.article_id AS article_id_a,
       b.article_id AS article_id_b,
       m.relation AS relation,
       m.jaccard AS jaccard,
       m.containment_a AS containment_a,
       m.containment_b AS containment_b,
       m.shared_words AS shared_words,
       m.longest_passage AS longest_passage,
       m.index_version AS index_version
FROM matches m
JOIN texts a ON a.id = m.text_a
JOIN texts b ON b.id = m.text_b
UNION ALL
SELECT t.article_id, x.id, 'exact', 1.0, 1.0, 1.0, length(t.words) / 4, length(t.words) / 4, v.id
FROM articles x
JOIN texts t ON t.id = x.text_id AND x.id <> t.article_id
CROSS JOIN (SELECT max(id) AS id FROM index_versions) v""",
}

SEARCH_SQLITE = (
    "CREATE VIRTUAL TABLE text_search USING fts5(headline, body, content='texts', content_rowid='id')",
    """CREATE TRIGGER text_search_insert AFTER INSERT ON texts BEGIN
       INSERT INTO text_search(rowid, headline, body) VALUES (new.id, new.headline, new.body); END""",
    """CREATE TRIGGER text_search_delete AFTER DELETE ON texts BEGIN
       INSERT INTO text_search(text_search, rowid, headline, body)
       VALUES ('delete', old.id, old.headline, old.body); END""",
)
# left(): a tsvector holds 1 MB at most, and an insert must not fail on a long text.
SEARCH_POSTGRESQL = (
    """CREATE INDEX ix_texts_search ON texts USING gin
       (to_tsvector('simple', left(headline || ' ' || body, 200000)))""",
)


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("claim", sa.String(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("size", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("received", sa.Integer(), nullable=False),
        sa.Column("new", sa.Integer(), nullable=False),
        sa.Column("duplicate", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("finished_at", UTCDateTime(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("touched_at", UTCDateTime(), nullable=False),
        sa.CheckConstraint("state in ('received', 'done', 'failed')", name=op.f("ck_deliveries_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_deliveries")),
        sa.UniqueConstraint("claim", name=op.f("uq_deliveries_claim")),
    )
    op.create_index(op.f("ix_deliveries_sha256"), "deliveries", ["sha256"], unique=False)
    op.create_table(
        "index_versions",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", UTCDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_index_versions")),
        sa.UniqueConstraint("name", name=op.f("uq_index_versions_name")),
    )
    op.create_table(
        "stories",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("canonical_text_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stories")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_stories_canonical_text_id"), "stories", ["canonical_text_id"], unique=False)
    op.create_table(
        "stock_lines",
        sa.Column("key", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_stock_lines")),
    )
    op.create_table(
        "story_history",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("story_id", sa.Integer(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("change", sa.String(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=False),
        sa.Column("previous_article_id", sa.Integer(), nullable=True),
        sa.Column("other_story_id", sa.Integer(), nullable=True),
        sa.CheckConstraint(
            "change in ('canonical', 'revision', 'merged', 'withdrawn', 'reinstated')",
            name=op.f("ck_story_history_change"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_story_history")),
    )
    op.create_index(op.f("ix_story_history_story_id"), "story_history", ["story_id"], unique=False)
    op.create_table(
        "story_redirects",
        sa.Column("old_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("new_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_story_redirects")),
    )
    op.create_index(op.f("ix_story_redirects_new_id"), "story_redirects", ["new_id"], unique=False)
    op.create_table(
        "rejections",
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("record", sa.Integer(), nullable=False),
        sa.Column("position", sa.String(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["delivery_id"], ["deliveries.id"], name=op.f("fk_rejections_delivery_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("delivery_id", "record", name=op.f("pk_rejections")),
    )
    op.create_table(
        "texts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=16), nullable=False),
        sa.Column("headline", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("headline_words", sa.Integer(), nullable=False),
        sa.Column("article_id", sa.Integer(), nullable=True),
        sa.Column("story_id", sa.Integer(), nullable=True),
        sa.Column("relation", sa.String(), nullable=True),
        sa.Column("jaccard", sa.Double(), nullable=True),
        sa.Column("containment", sa.Double(), nullable=True),
        sa.Column("withdrawn", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("linked", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["story_id"], ["stories.id"], name=op.f("fk_texts_story_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts")),
        sa.UniqueConstraint("digest", name=op.f("uq_texts_digest")),
    )
    op.create_index(op.f("ix_texts_article_id"), "texts", ["article_id"], unique=False)
    op.create_index(op.f("ix_texts_story_id"), "texts", ["story_id"], unique=False)
    op.create_index(
        "ix_texts_unlinked",
        "texts",
        ["id"],
        unique=False,
        sqlite_where=sa.text("linked = 0"),
        postgresql_where=sa.text("NOT linked"),
    )
    op.create_table(
        "articles",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.LargeBinary(length=16), nullable=False),
        sa.Column("text_id", sa.Integer(), nullable=False),
        sa.Column("delivery_id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("url", sa.String(), nullable=True),
        sa.Column("headline", sa.String(), nullable=False),
        sa.Column("byline", sa.String(), nullable=True),
        sa.Column("published_at", UTCDateTime(), nullable=True),
        sa.Column("updated_at", UTCDateTime(), nullable=True),
        sa.Column("received_at", UTCDateTime(), nullable=False),
        sa.Column("language", sa.String(), nullable=True),
        sa.Column("version", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("embargoed_until", UTCDateTime(), nullable=True),
        sa.Column("credit", sa.String(), nullable=True),
        sa.Column("dateline", sa.String(), nullable=True),
        sa.Column("item", sa.LargeBinary(length=16), nullable=True),
        sa.Column("link", sa.LargeBinary(length=16), nullable=True),
        sa.Column("text", sa.String(), nullable=True),
        sa.Column("metadata", Json, nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name=op.f("fk_articles_delivery_id")),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_articles_text_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_articles")),
        sa.UniqueConstraint("key", name=op.f("uq_articles_key")),
    )
    op.create_index(
        "ix_articles_cancelled",
        "articles",
        ["item"],
        unique=False,
        sqlite_where=sa.text("status = 'cancelled'"),
        postgresql_where=sa.text("status = 'cancelled'"),
    )
    op.create_index(op.f("ix_articles_delivery_id"), "articles", ["delivery_id"], unique=False)
    op.create_index(op.f("ix_articles_item"), "articles", ["item"], unique=False)
    op.create_index(op.f("ix_articles_link"), "articles", ["link"], unique=False)
    op.create_index("ix_articles_published_at", "articles", ["published_at"], unique=False)
    op.create_index("ix_articles_source_external_id", "articles", ["source", "external_id"], unique=False)
    op.create_index(op.f("ix_articles_text_id"), "articles", ["text_id"], unique=False)
    op.create_table(
        "matches",
        sa.Column("text_a", sa.Integer(), nullable=False),
        sa.Column("text_b", sa.Integer(), nullable=False),
        sa.Column("relation", sa.String(), nullable=False),
        sa.Column("strength", sa.Double(), nullable=False),
        sa.Column("jaccard", sa.Double(), nullable=False),
        sa.Column("containment_a", sa.Double(), nullable=False),
        sa.Column("containment_b", sa.Double(), nullable=False),
        sa.Column("shared_words", sa.Integer(), nullable=False),
        sa.Column("longest_passage", sa.Integer(), nullable=False),
        sa.Column("passages", Json, nullable=False),
        sa.Column("reasons", Json, nullable=False),
        sa.Column("index_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["index_version"], ["index_versions.id"], name=op.f("fk_matches_index_version")),
        sa.ForeignKeyConstraint(["text_a"], ["texts.id"], name=op.f("fk_matches_text_a"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["text_b"], ["texts.id"], name=op.f("fk_matches_text_b"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("text_a", "text_b", name=op.f("pk_matches")),
    )
    op.create_index(op.f("ix_matches_text_b"), "matches", ["text_b"], unique=False)
    op.create_table(
        "text_keys",
        sa.Column("key", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_text_keys_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", "text_id", name=op.f("pk_text_keys")),
        sqlite_with_rowid=False,
    )
    search = SEARCH_SQLITE if op.get_bind().dialect.name == "sqlite" else SEARCH_POSTGRESQL
    for statement in (*search, *VIEWS.values()):
        op.execute(statement)


def downgrade() -> None:
    """Drop everything."""
    for view in reversed(VIEWS):
        op.execute(f"DROP VIEW {view}")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE text_search")
    for table in (
        "text_keys",
        "matches",
        "articles",
        "texts",
        "rejections",
        "story_redirects",
        "story_history",
        "stock_lines",
        "stories",
        "index_versions",
        "deliveries",
    ):
        op.drop_table(table)
