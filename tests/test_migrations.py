"""The migrations make the schema that the models describe, on both databases."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

import migrations
from models.base import Base
from models.engine import open_engine, reading
from tests.conduct import rows

CONTRACT = {
    "story_members": (
        "story_id article_id external_id source headline url published_at received_at relation canonical_article_id "
        "jaccard containment"
    ),
    "story_summaries": (
        "story_id canonical_article_id headline first_published_at last_published_at article_count source_count"
    ),
    "match_evidence": (
        "article_id_a article_id_b relation jaccard containment_a containment_b shared_words longest_passage "
        "index_version"
    ),
    "deliveries": (
        "id path sha256 size state received new duplicate rejected error received_at finished_at attempts"
    ),
}  # fmt: skip


def ours(_object: object, name: str | None, kind: str, reflected: bool, _compared: object) -> bool:
    """Leave out what SQLAlchemy cannot describe: the full-text indexes."""
    return not (reflected and (name or "").startswith(("text_search", "ix_text_search")))


def test_the_migrated_schema_equals_the_models(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrating_twice_changes_nothing_and_back_leaves_nothing(database_url: str) -> None:
    engine = open_engine(database_url)
    assert not migrations.is_current(engine)
    migrations.upgrade(engine)
    migrations.upgrade(engine)
    assert migrations.is_current(engine)
    migrations.downgrade(engine, "base")
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert inspect(engine).get_view_names() == []
    engine.dispose()


def test_the_head_that_commands_check_is_the_newest_migration() -> None:
    assert ScriptDirectory(migrations.FOLDER).get_current_head() == migrations.HEAD


def test_the_columns_other_programs_rely_on_are_there(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    for name, columns in CONTRACT.items():
        assert rows(engine, f"SELECT {columns.replace(' ', ', ')} FROM {name}") == []
    engine.dispose()
