"""What a text says moves to a table of its own: each change of its place in a story took all of it along."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

HEAVY = ("headline", "body", "words", "headline_words")

EVIDENCE = """
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
SELECT t.article_id, x.id, 'exact', 1.0, 1.0, 1.0, {length}, {length}, v.id
FROM articles x
JOIN texts t ON t.id = x.text_id AND x.id <> t.article_id
CROSS JOIN (SELECT max(id) AS id FROM index_versions) v"""


def upgrade() -> None:
    """Copy, then drop. On SQLite the columns are dropped one by one: each time the table is written anew."""
    _drop_dependent("texts")
    op.create_table(
        "bodies",
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("headline", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("words", sa.LargeBinary(), nullable=False),
        sa.Column("headline_words", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["text_id"], ["texts.id"], name=op.f("fk_bodies_text_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("text_id", name=op.f("pk_bodies")),
    )
    op.execute("INSERT INTO bodies SELECT id, headline, body, words, headline_words FROM texts ORDER BY id")
    op.add_column("texts", sa.Column("length", sa.Integer(), nullable=False, server_default=sa.text("0")))
    op.execute("UPDATE texts SET length = length(words) / 4")
    for name in HEAVY:
        op.drop_column("texts", name)
    op.execute(EVIDENCE.format(length="t.length"))
    _search("bodies", "text_id")


def downgrade() -> None:
    """Put both together again."""
    _drop_dependent("bodies")
    op.add_column("texts", sa.Column("headline", sa.String(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("body", sa.String(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("words", sa.LargeBinary(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("headline_words", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE texts SET headline = b.headline, body = b.body, words = b.words, headline_words = b.headline_words "
        "FROM bodies b WHERE b.text_id = texts.id"
    )
    op.drop_column("texts", "length")
    op.drop_table("bodies")
    op.execute(EVIDENCE.format(length="length(t.words) / 4"))
    _search("texts", "id")


def _drop_dependent(table: str) -> None:
    """Drop what is made of the words of `table`: the view, and the search or what fills it."""
    op.execute("DROP VIEW match_evidence")
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER text_search_insert")
        op.execute("DROP TRIGGER text_search_delete")
        op.execute("DROP TABLE text_search")
    else:
        op.execute(f"DROP TRIGGER text_search_insert ON {table}")
        op.execute("DROP FUNCTION text_search_insert()")


def _search(table: str, key: str) -> None:
    """Have the search filled from `table`; PostgreSQL's is filled already."""
    if op.get_bind().dialect.name == "sqlite":
        statements = [
            f"CREATE VIRTUAL TABLE text_search USING fts5(headline, body, content='{table}', content_rowid='{key}')",
            f"""CREATE TRIGGER text_search_insert AFTER INSERT ON {table} BEGIN
            INSERT INTO text_search(rowid, headline, body) VALUES (new.{key}, new.headline, new.body); END""",  # noqa: S608
            f"""CREATE TRIGGER text_search_delete AFTER DELETE ON {table} BEGIN
            INSERT INTO text_search(text_search, rowid, headline, body)
            VALUES ('delete', old.{key}, old.headline, old.body); END""",  # noqa: S608
            "INSERT INTO text_search(text_search) VALUES ('rebuild')",
        ]
    else:
        words = "strip(to_tsvector('simple', left(new.headline || ' ' || new.body, 200000)))"
        statements = [
            f"""CREATE FUNCTION text_search_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            INSERT INTO text_search VALUES (new.{key}, {words}); RETURN NULL; END $$""",  # noqa: S608
            f"""CREATE TRIGGER text_search_insert AFTER INSERT ON {table}
            FOR EACH ROW EXECUTE FUNCTION text_search_insert()""",
        ]
    for statement in statements:
        op.execute(statement)
