"""What a text says moves to a table of its own, and the search is filled behind the links.

Each change of a text's place in a story took all of it along.
"""

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
    op.execute("DROP VIEW match_evidence")
    op.execute(f"DROP TRIGGER text_search_insert{'' if _sqlite() else ' ON texts'}")
    if _sqlite():
        op.execute("DROP TRIGGER text_search_delete")
        op.execute("DROP TABLE text_search")
    else:
        op.execute("DROP FUNCTION text_search_insert()")
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
    op.create_table(
        "unsearched",
        sa.Column("text_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("text_id", name=op.f("pk_unsearched")),
    )
    op.execute(EVIDENCE.format(length="t.length"))
    if not _sqlite():
        # Hashes do not compress, and what compressing a tsvector takes is more than making it.
        op.execute("ALTER TABLE bodies ALTER words SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE text_search ALTER words SET STORAGE EXTERNAL")
    else:
        _create_search("bodies", "text_id")
        op.execute("""CREATE TRIGGER text_search_delete AFTER DELETE ON bodies BEGIN
            INSERT INTO text_search(text_search, rowid, headline, body)
            SELECT 'delete', old.text_id, old.headline, old.body
            WHERE NOT EXISTS (SELECT 1 FROM unsearched WHERE text_id = old.text_id);
            DELETE FROM unsearched WHERE text_id = old.text_id; END""")


def downgrade() -> None:
    """Put both together again, and search everything."""
    op.execute("DROP VIEW match_evidence")
    op.add_column("texts", sa.Column("headline", sa.String(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("body", sa.String(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("words", sa.LargeBinary(), nullable=False, server_default=""))
    op.add_column("texts", sa.Column("headline_words", sa.Integer(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE texts SET headline = b.headline, body = b.body, words = b.words, headline_words = b.headline_words "
        "FROM bodies b WHERE b.text_id = texts.id"
    )
    op.drop_column("texts", "length")
    if _sqlite():
        op.execute("DROP TRIGGER text_search_delete")
        op.execute("DROP TABLE text_search")
    op.drop_table("bodies")
    op.drop_table("unsearched")
    op.execute(EVIDENCE.format(length="length(t.words) / 4"))
    if _sqlite():
        _create_search("texts", "id")
        op.execute("""CREATE TRIGGER text_search_insert AFTER INSERT ON texts BEGIN
            INSERT INTO text_search(rowid, headline, body) VALUES (new.id, new.headline, new.body); END""")
        op.execute("""CREATE TRIGGER text_search_delete AFTER DELETE ON texts BEGIN
            INSERT INTO text_search(text_search, rowid, headline, body)
            VALUES ('delete', old.id, old.headline, old.body); END""")
        return
    words = "strip(to_tsvector('simple', left({0}headline || ' ' || {0}body, 200000)))"
    op.execute(f"INSERT INTO text_search SELECT id, {words.format('')} FROM texts ON CONFLICT DO NOTHING")  # noqa: S608
    op.execute(
        f"""CREATE FUNCTION text_search_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO text_search VALUES (new.id, {words.format("new.")}); RETURN NULL; END $$"""  # noqa: S608
    )
    op.execute(
        "CREATE TRIGGER text_search_insert AFTER INSERT ON texts FOR EACH ROW EXECUTE FUNCTION text_search_insert()"
    )


def _sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _create_search(table: str, key: str) -> None:
    """SQLite's search, over what this table says."""
    op.execute(f"CREATE VIRTUAL TABLE text_search USING fts5(headline, body, content='{table}', content_rowid='{key}')")
    op.execute("INSERT INTO text_search(text_search) VALUES ('rebuild')")
