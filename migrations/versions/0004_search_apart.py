"""PostgreSQL searches a table of its own: an index on `texts` was written anew with each change of a text's story."""

from alembic import op

revision = "0004"
down_revision = "0003"

# left(): a tsvector holds 1 MB at most, and an insert must not fail on a long text. strip(): nobody asks for places.
WORDS = "strip(to_tsvector('simple', left({0}headline || ' ' || {0}body, 200000)))"
APART = (
    "DROP INDEX ix_texts_search",
    """CREATE TABLE text_search (
       id integer NOT NULL CONSTRAINT pk_text_search PRIMARY KEY
       CONSTRAINT fk_text_search_id REFERENCES texts ON DELETE CASCADE,
       words tsvector NOT NULL)""",
    f"INSERT INTO text_search SELECT id, {WORDS.format('')} FROM texts",  # noqa: S608 - our own words
    "CREATE INDEX ix_text_search_words ON text_search USING gin (words)",
    f"""CREATE FUNCTION text_search_insert() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
       INSERT INTO text_search VALUES (new.id, {WORDS.format("new.")}); RETURN NULL; END $$""",  # noqa: S608
    "CREATE TRIGGER text_search_insert AFTER INSERT ON texts FOR EACH ROW EXECUTE FUNCTION text_search_insert()",
)
TOGETHER = (
    "DROP TRIGGER text_search_insert ON texts",
    "DROP FUNCTION text_search_insert()",
    "DROP TABLE text_search",
    """CREATE INDEX ix_texts_search ON texts USING gin
       (to_tsvector('simple', left(headline || ' ' || body, 200000)))""",
)


def upgrade() -> None:
    """Move the index; SQLite's is apart already."""
    _execute(APART)


def downgrade() -> None:
    """Move it back."""
    _execute(TOGETHER)


def _execute(statements: tuple[str, ...]) -> None:
    for statement in statements if op.get_bind().dialect.name == "postgresql" else ():
        op.execute(statement)
