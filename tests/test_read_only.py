"""Reading cannot write: each command that only reads has a database in which nothing can be changed."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, insert, text
from sqlalchemy.exc import DBAPIError

import models.engine
from models import queries
from models.engine import open_engine, reading, writing
from models.tables import StockLine
from tests.conduct import ingest, opened, write_jsonl
from tests.test_pipeline import family
from worker import searching
from worker.cli import cli
from worker.commands import doctor

COMMANDS = (
    ("stories",),
    ("stories", "--members", "--json"),
    ("story", "1", "--why"),
    ("search", "council", "--json"),
    ("deliveries",),
    ("deliveries", "--failed"),
    ("export",),
    ("doctor",),
    ("prune", "--older-than", "1d", "--dry-run"),
    ("prune", "--older-than", "1d", "--delete", "--dry-run"),
)


@pytest.fixture
def filled(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database with a story in it, as the commands find it."""
    with opened(database_url) as (_, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", family(3)))
    monkeypatch.setenv("NEWSFOLD_DATABASE_URL", database_url)
    monkeypatch.setenv("NEWSFOLD_INBOX", str(tmp_path / "inbox"))
    return database_url


@pytest.fixture
def opens(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Engine]]:
    """The engines that a command opens."""
    engines: list[Engine] = []

    def spy(*args: Any, **kwargs: Any) -> Engine:
        engines.append(open_engine(*args, **kwargs))
        return engines[-1]

    monkeypatch.setattr(models.engine, "open_engine", spy)
    monkeypatch.setattr(doctor, "open_engine", spy)
    yield engines
    for engine in engines:
        engine.dispose()


def test_every_reading_command_has_a_database_that_cannot_be_changed(
    filled: str, opens: list[Engine], tmp_path: Path
) -> None:
    file = tmp_path / "newsfold.db"
    before = hashlib.sha256(file.read_bytes()).digest() if file.exists() else None
    for command in COMMANDS:
        opens.clear()
        done = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert done.exit_code == (1 if command == ("doctor",) else 0), (command, done.output)  # it misses the inbox
        assert opens, command
        for engine in opens:
            for change in (
                insert(StockLine).values(key=1),
                text("DELETE FROM articles"),
                text("CREATE TABLE t (x int)"),
            ):
                with pytest.raises(DBAPIError, match=r"readonly|read-only"), writing(engine) as connection:
                    connection.execute(change)
            engine.dispose()
    assert not file.exists() or hashlib.sha256(file.read_bytes()).digest() == before
    with opened(filled) as (engine, _), reading(engine) as connection:
        assert connection.scalar(text("SELECT count(*) FROM articles")) == 4


def test_reading_what_is_not_there_makes_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEWSFOLD_DATABASE_URL", f"sqlite:///{tmp_path / 'none.db'}")
    for command in COMMANDS:
        done = CliRunner().invoke(cli, command)
        assert done.exit_code, command
    assert list(tmp_path.iterdir()) == []


WORDS = st.text(st.characters(), max_size=12) | st.sampled_from(
    ['"', "'", "\x00", "a\x00b", "*", "NEAR(", "AND", "OR NOT", "{headline}:x", "^", "-", "\\", "%", ":x",
     "&", "!", "<->", "\ud800", "\u0000\udfff", "x" * 5_000, "é" * 3_000, "(" * 300,
     "\ufeff", "'; DROP TABLE articles; --"]
)  # fmt: skip


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_search_box_answers_whatever_is_typed(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with opened(request.getfixturevalue(f"{kind}_url")) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", family(3)))
        searching.fill(engine)

        @settings(
            max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(st.lists(WORDS, max_size=8))
        def anything(words: list[str]) -> None:
            with reading(engine) as connection:
                assert isinstance(queries.search(connection, words, 5), list)

        anything()
        with reading(engine) as connection:
            for many in (["council"] * 2_000, [f"word{n}" for n in range(20_000)], ["x" * 2_000_000], ["("] * 5_000):
                assert isinstance(queries.search(connection, many, 5), list)
            assert len(queries.search(connection, ["Report", "3"], 5)) == 1
            assert len(queries.search(connection, ["Report\x00", "...", "3"], 5)) == 1
            assert queries.search(connection, [], 5) == queries.search(connection, ["..."], 5) == []
            assert queries.search(connection, ["zeppelin"], 5) == []
