"""Texts that were left unlinked are found without reading all the others."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import event, text

import migrations
from models.engine import open_engine, reading, writing
from tests.conduct import ingest, records, write_jsonl
from worker import leftovers
from worker.pipeline import Pipeline


def test_a_text_left_unlinked_is_found_once_its_file_was_not_touched_for_a_while(
    tmp_path: Path, database_url: str
) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    ingest(Pipeline.open(engine), write_jsonl(tmp_path / "a.jsonl", records(range(5))))
    with writing(engine) as connection:
        connection.execute(text("UPDATE texts SET linked = (id <> 3)"))
    now = datetime.now(UTC)
    with reading(engine) as connection:
        assert leftovers.forgotten(connection, now, 10) == [3]
        assert leftovers.forgotten(connection, now - timedelta(hours=1), 10) == []
    engine.dispose()


def test_on_sqlite_looking_for_them_reads_only_them(sqlite_url: str) -> None:
    """Every watcher looks every five seconds, however many texts there are."""
    engine = open_engine(sqlite_url)
    migrations.upgrade(engine)
    asked: list[tuple[str, tuple[object, ...]]] = []
    event.listen(engine, "before_cursor_execute", lambda *told: asked.append((told[2], told[3])))
    with reading(engine) as connection:
        leftovers.forgotten(connection, datetime.now(UTC), 10)
        statement, values = asked[-1]
        plan = [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]
    assert "ix_texts_unlinked" in plan[0]
    assert not [step for step in plan[1:] if step.startswith("SCAN")]
    engine.dispose()
