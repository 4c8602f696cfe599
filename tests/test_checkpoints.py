"""What is committed to SQLite gets from its log into the database while others read and write."""

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import text

from models.checkpoints import PAUSE, checkpoint
from models.engine import open_engine, reading, writing

PATIENCE = 60.0


def test_commits_reach_the_database_file_without_a_long_log_or_a_last_connection(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
    deadline = time.monotonic() + PATIENCE
    with reading(engine) as reader:
        reader.execute(text("SELECT count(*) FROM notes")).scalar_one()  # who reads holds nothing up
        while not _in_file(tmp_path / "a.db") and time.monotonic() < deadline:
            time.sleep(PAUSE)
            with writing(engine) as connection:
                connection.execute(text("INSERT INTO notes DEFAULT VALUES"))
    assert _in_file(tmp_path / "a.db")
    engine.dispose()


def test_who_closes_the_database_leaves_no_log_beside_it(tmp_path: Path) -> None:
    for number in range(20):
        engine = open_engine(f"sqlite:///{tmp_path / f'{number}.db'}")
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE notes (id INTEGER PRIMARY KEY)"))
        engine.dispose()
        assert [path.name for path in tmp_path.glob(f"{number}.db*")] == [f"{number}.db"]


def _in_file(database: Path) -> bool:
    """Whether the table is in the file itself, the log left aside."""
    copy = database.with_name("copy.db")
    copy.write_bytes(database.read_bytes())
    with suppress(sqlite3.DatabaseError), closing(sqlite3.connect(copy)) as connection:  # copied in mid-checkpoint
        return bool(connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchone()[0])
    return False


def test_a_database_that_is_gone_is_not_made_anew(tmp_path: Path) -> None:
    checkpoint(tmp_path / "gone.db")
    assert list(tmp_path.iterdir()) == []
