"""Transactions on both databases: turns are waited for, and what is no matter of turns is raised at once."""

import sqlite3
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError, OperationalError

from models import engine as engines
from models.engine import open_engine, transact, writing
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


def test_a_file_that_is_no_database_is_an_error_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("Not a database at all, however long one waits for it. " * 40)
    engine = open_engine(f"sqlite:///{tmp_path / 'a.db'}")
    with pytest.raises(DatabaseError, match="not a database"), writing(engine):
        pass
    engine.dispose()
