"""SQLite's writers take turns: these are waited for, and what is no matter of turns is raised at once."""

import sqlite3
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from models import engine as engines
from models.engine import reading, transact, writing
from tests.conduct import opened


def test_a_writer_waits_for_its_turn(tmp_path: Path) -> None:
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as (engine, _):
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        ended: list[float] = []
        writer = threading.Thread(target=lambda: ended.append(transact(engine, lambda connection: time.monotonic())))
        writer.start()
        time.sleep(0.3)
        assert ended == []
        released = time.monotonic()
        other.execute("COMMIT")
        writer.join(10)
        assert ended
        assert ended[0] >= released
        other.close()


def test_a_turn_that_never_comes_is_an_error_and_leaves_the_connection_as_patient_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY", 0.05)
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as (engine, _):
        other = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(OperationalError, match="locked"), writing(engine):
            pass
        other.close()
        with writing(engine) as connection:
            assert connection.execute(text("PRAGMA busy_timeout")).scalar_one() == 50


def test_what_waiting_cannot_mend_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as (engine, _), reading(engine) as connection:
        monkeypatch.setattr(engines.time, "sleep", lambda _: pytest.fail("waited"))
        with pytest.raises(OperationalError, match="within a transaction"):
            engines._take_turn(connection.connection.driver_connection)


def test_what_is_deleted_is_not_written_once_more(tmp_path: Path) -> None:
    """Debian's SQLite fills it with zeros by itself."""
    with opened(f"sqlite:///{tmp_path / 'a.db'}") as (engine, _):
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE runs (data BLOB)"))
            connection.execute(text("INSERT INTO runs VALUES (zeroblob(4000000))"))
        with closing(sqlite3.connect(tmp_path / "a.db")) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with writing(engine) as connection:
            connection.execute(text("DELETE FROM runs"))
        assert (tmp_path / "a.db-wal").stat().st_size < 100_000


def test_a_new_file_has_pages_of_8_kb_and_one_that_is_there_keeps_its_own(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "4096.db")) as other:
        other.execute("PRAGMA page_size = 4096")
        other.execute("CREATE TABLE here (id INTEGER)")
    for size in (4096, 8192):
        path = tmp_path / f"{size}.db"
        with opened(f"sqlite:///{path}") as (engine, _), reading(engine) as connection:
            assert connection.scalar(text("PRAGMA page_size")) == size
            assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
