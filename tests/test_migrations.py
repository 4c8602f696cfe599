"""The migrations make the schema that the models describe, on both databases."""

from datetime import UTC, datetime
from functools import partial

import numpy as np
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, inspect, text

import migrations
from models import queries
from models.base import Base
from models.engine import look, open_engine, reading, transact, writing
from tests.conduct import all_entered, posted, rows, rows_of
from worker import postings
from worker.core.runs import Postings, of_rows
from worker.entered import entered

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


OLD = """
    INSERT INTO index_versions (id, name, created_at) VALUES (1, 'old', :now);
    INSERT INTO deliveries (id, claim, path, state, received, new, duplicate, rejected, received_at, attempts,
        position, touched_at) VALUES (1, 'c', 'p', 'done', 2, 2, 0, 0, :now, 1, 2, :now);
    INSERT INTO stories (id, canonical_text_id) VALUES (1, 1);
    INSERT INTO texts (id, digest, headline, body, words, headline_words, article_id, story_id, relation, jaccard,
        containment, withdrawn, revision, linked)
        VALUES (1, :digest, 'Bridge shut', 'The bridge at Orrin is shut.', :words, 2, 1, 1, 'canonical', 1.0, 1.0,
        false, 2, true);
    INSERT INTO articles (id, key, text_id, delivery_id, headline, received_at, status, metadata)
        VALUES (1, :key1, 1, 1, 'Bridge shut', :now, 'usable', '{}'),
        (2, :key2, 1, 1, 'Bridge shut', :now, 'usable', '{}')
"""


def ours(_object: object, name: str | None, kind: str, reflected: bool, _compared: object) -> bool:
    """Leave out what SQLAlchemy cannot describe: the full-text indexes."""
    return not (reflected and (name or "").startswith(("text_search", "ix_text_search")))


def tables_of(engine: Engine) -> MetaData:
    """The models, but not what only the other database has."""
    found = MetaData(naming_convention=Base.metadata.naming_convention)
    for table in Base.metadata.sorted_tables:
        if table.info.get("only", engine.dialect.name) == engine.dialect.name:
            table.to_metadata(found)
    return found


def test_the_migrated_schema_equals_the_models(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    with reading(engine) as connection:
        context = MigrationContext.configure(connection, opts={"include_object": ours, "compare_type": True})
        assert compare_metadata(context, tables_of(engine)) == []
    engine.dispose()


def test_articles_have_no_other_indexes_on_the_way_down_than_they_had(database_url: str) -> None:
    def indexes() -> list[tuple[object, object]]:
        found = inspect(engine).get_indexes("articles") + inspect(engine).get_unique_constraints("articles")
        return sorted((str(one["name"]), str(one["column_names"])) for one in found)

    engine = open_engine(database_url)
    migrations.upgrade(engine, "0009")
    before = indexes()
    migrations.upgrade(engine)
    assert len(indexes()) < len(before)
    migrations.downgrade(engine, "0009")
    assert indexes() == before
    engine.dispose()


def test_postgresql_does_not_compress_bodies_by_pglz(postgres_url: str) -> None:
    engine = open_engine(postgres_url)
    migrations.upgrade(engine)
    kept = "SELECT attstorage = 'e' OR attcompression = 'l' AS quick FROM pg_attribute"
    assert rows(engine, f"{kept} WHERE attrelid = 'bodies'::regclass AND attname = 'body'") == [{"quick": True}]
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


def test_texts_of_an_older_version_are_kept_and_found_on_the_way_up_and_down(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine, "0004")
    given = {"now": datetime(2026, 3, 1, tzinfo=UTC), "digest": b"d" * 16, "words": b"w" * 40}
    given |= {"key1": b"1" * 16, "key2": b"2" * 16}
    with writing(engine) as connection:
        for statement in OLD.split(";"):
            connection.execute(text(statement), given)
    migrations.upgrade(engine)
    told = {"text_id": 1, "headline": "Bridge shut", "body": "The bridge at Orrin is shut.", "headline_words": 2}
    assert rows(engine, "SELECT text_id, headline, body, headline_words FROM bodies") == [told]
    assert rows(engine, "SELECT length, story_id, linked FROM texts") == [{"length": 10, "story_id": 1, "linked": True}]
    assert rows(engine, "SELECT shared_words FROM match_evidence") == [{"shared_words": 10}]
    with reading(engine) as connection:
        assert [story["story_id"] for story in queries.search(connection, ["orrin"], 5)] == [1]
        assert queries.unsearched(connection) == 0
    migrations.downgrade(engine, "0004")
    assert rows(engine, "SELECT body, length(words) AS size FROM texts") == [{"body": told["body"], "size": 40}]
    migrations.upgrade(engine)
    with writing(engine) as connection:
        connection.execute(text("DELETE FROM articles"))
        connection.execute(text("DELETE FROM texts"))
    with reading(engine) as connection:
        assert queries.search(connection, ["orrin"], 5) == []
    assert rows(engine, "SELECT * FROM bodies") == []
    engine.dispose()


def test_postings_that_wait_in_runs_are_entered_on_the_way_down(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    for keys in ([-5, 7, 2**31 - 1], [7]):
        size = len(keys)
        run = Postings(np.array(keys, np.int32), np.full(size, 2**46), np.full(size, 3 + size, np.int32))
        transact(engine, partial(postings.add, postings=run))
    stored = posted(engine)
    assert len(stored) == 4
    migrations.downgrade(engine, "0005")
    entered = rows(engine, "SELECT key, place, text_id FROM text_keys ORDER BY key, place, text_id")
    assert [tuple(row.values()) for row in entered] == stored
    migrations.upgrade(engine)
    assert posted(engine) == stored
    engine.dispose()


def test_entered_postings_become_pages_and_rows_again(database_url: str) -> None:
    random = np.random.default_rng(13)
    keys = np.concatenate((random.integers(-(2**31), 2**31, 200), [-(2**31), 2**31 - 1], np.full(300, -7)))
    told = of_rows(zip(keys.tolist(), random.integers(0, 2**47, 502).tolist(), range(2**31 - 502, 2**31), strict=True))
    engine = open_engine(database_url)
    migrations.upgrade(engine, "0012")
    with writing(engine) as connection:
        listed = [{"key": key, "place": place, "text": one} for key, place, one in rows_of(told)]
        connection.execute(text("INSERT INTO text_keys VALUES (:key, :place, :text)"), listed)
    migrations.upgrade(engine)
    assert look(engine, all_entered) == rows_of(told)
    more = of_rows([(-7, 5, 1), (-8, 5, 2), (2**30, 2**47 - 1, 3)])
    transact(engine, lambda connection: entered(connection).insert(connection, more))
    migrations.downgrade(engine, "0012")
    found = rows(engine, "SELECT key, place, text_id FROM text_keys ORDER BY key, place, text_id")
    assert [tuple(row.values()) for row in found] == sorted(rows_of(told) + rows_of(more))
    engine.dispose()


def test_the_head_that_commands_check_is_the_newest_migration() -> None:
    assert ScriptDirectory(migrations.FOLDER).get_current_head() == migrations.HEAD


def test_the_columns_other_programs_rely_on_are_there(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    for name, columns in CONTRACT.items():
        assert rows(engine, f"SELECT {columns.replace(' ', ', ')} FROM {name}") == []
    engine.dispose()
