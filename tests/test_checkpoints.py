"""What is committed to SQLite gets from its log into the database, whoever commits."""

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import text

from models.checkpoints import ENOUGH, checkpoint
from models.engine import open_engine, writing

PATIENCE = 60.0
COUNT = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ENOUGH})"
NOTES = text(f"{COUNT} INSERT INTO notes SELECT NULL FROM n")
"""As many rows as are worth a checkpoint."""


def in_file(database: Path) -> bool:
    """Whether the table is in the file itself, the log left aside."""
    copy = database.with_name("copy.db")
    copy.write_bytes(database.read_bytes())
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(copy)) as connection:  # copied in mid-checkpoint
        return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchone()[0])
    return False


def test_commits_reach_the_database_file_without_a_long_log_or_a_last_connection(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
    deadline = time.monotonic() + PATIENCE
    while not in_file(tmp_path / "a.db") and time.monotonic() < deadline:
        with writing(engine) as connection:
            connection.execute(NOTES)
        time.sleep(0.1)
    assert in_file(tmp_path / "a.db")
    engine.dispose()


def test_who_closes_the_database_leaves_no_log_beside_it(tmp_path: Path) -> None:
    for number in range(20):
        engine = open_engine(f"sqlite:///{tmp_path / f'{number}.db'}")
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
            connection.execute(NOTES)
        engine.dispose()
        assert [path.name for path in tmp_path.glob(f"{number}.db*")] == [f"{number}.db"]


def test_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    checkpoint(tmp_path / "gone.db")
    assert list(tmp_path.iterdir()) == []
