"""Engines for both databases, and the one place where SQLite and PostgreSQL are told to behave alike."""

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from models import checkpoints
from models.base import as_json

PATIENCE = 300.0
BUSY = 60.0
"""Seconds to wait for SQLite's other writers, each time."""
SYNCED, UNSYNCED = "FULL", "NORMAL"
"""What SQLite calls a commit that waits for the disk, and one that does not."""
TURN = 0.002
"""Seconds between two looks whether it is our turn to write."""
KEEPALIVE = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""For libpq: a server that vanished without a word is noticed in a minute (it would be two hours)."""

T = TypeVar("T")


def open_engine(url: str | URL, *, read_only: bool = False) -> Engine:
    """Make an engine for `url`; nothing connects yet. `hide_parameters` keeps article bodies out of error texts."""
    url = make_url(url)
    if url.get_backend_name() == "sqlite":
        if read_only and url.database and url.database != ":memory:":
            file = "file:" + quote(str(Path(url.database).absolute()))
            url = url.set(database=file, query={**url.query, "mode": "ro", "uri": "true"})
        engine = create_engine(url, hide_parameters=True, json_serializer=as_json, connect_args={"timeout": BUSY})
        event.listen(engine, "connect", _look_only if read_only else _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        event.listen(engine, "engine_disposed", checkpoints.end)
        return engine
    options = "-c default_transaction_read_only=on" if read_only else ""
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        hide_parameters=True,
        json_serializer=as_json,
        pool_pre_ping=True,
        isolation_level="READ COMMITTED",
        connect_args={"options": options, "connect_timeout": 10, **KEEPALIVE},
    )


def _look_only(connection: Any, _record: object) -> None:
    connection.isolation_level = None


def _tune_sqlite(connection: Any, _record: object) -> None:
    # isolation_level None: we say BEGIN ourselves, so that a write transaction can take its lock at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        # Of a new file; one that is there keeps its own. Half as many are read, each at a system call, as of 4 KB.
        "page_size = 8192",
        "journal_mode = WAL",
        "foreign_keys = ON",
        "cache_size = -8192",
        # Debian's SQLite fills what is deleted with zeros, and writes all of that to its log.
        "secure_delete = OFF",
        # Pages in the log from which a commit moves them itself, should `models.checkpoints` not get through.
        "wal_autocheckpoint = 32768",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot be upgraded once another has written: SQLITE_BUSY
    # at once, without the busy timeout. IMMEDIATE waits for its turn instead.
    synced = connection.get_execution_options().get("newsfold_synced")
    if synced is None:
        connection.exec_driver_sql("BEGIN")
        return
    driver: Any = connection.connection.driver_connection
    driver.execute(f"PRAGMA synchronous = {SYNCED if synced else UNSYNCED}")
    # SQLite's own waiting sleeps longer and longer, up to a tenth of a second past its turn.
    driver.execute("PRAGMA busy_timeout = 0")
    try:
        _take_turn(driver)
    finally:
        driver.execute(f"PRAGMA busy_timeout = {int(BUSY * 1000)}")


def _take_turn(driver: Any) -> None:
    deadline = time.monotonic() + BUSY
    while True:
        try:
            driver.execute("BEGIN IMMEDIATE")  # by itself: what SQLAlchemy makes of an error takes longer than the look
        except sqlite3.Error as error:
            busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
            if not busy or time.monotonic() > deadline:
                raise DBAPIError.instance("BEGIN IMMEDIATE", None, error, sqlite3.Error) from error
            time.sleep(TURN)
        else:
            return


@contextmanager
def writing(engine: Engine, *, synced: bool = True) -> Iterator[Connection]:
    """One write transaction: committed at the end, rolled back when anything raises.

    On SQLite the disk is waited for only if `synced`. Otherwise a power cut, but no kill, may take back what was
    committed last, until a later commit is synced: that makes all before it last. So it is for work that such a commit
    ends, before any file moves or anybody is told. PostgreSQL always waits: a server that crashes takes such commits
    back as well, and the process that made them lives on and believes in them.
    """
    with engine.connect().execution_options(newsfold_synced=synced) as connection, connection.begin():
        before = _changed(connection)
        yield connection
        rows = _changed(connection) - before
    if engine.dialect.name == "sqlite":
        checkpoints.committed(engine, rows)


def _changed(connection: Connection) -> int:
    """How many rows this connection has changed so far, of SQLite; 0 of others."""
    return getattr(connection.connection.driver_connection, "total_changes", 0)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One read transaction: all of it sees the database as it was at one moment."""
    postgres = engine.dialect.name == "postgresql"  # SQLite's always do
    options = {"isolation_level": "REPEATABLE READ"} if postgres else {}
    with engine.connect().execution_options(**options) as connection, connection.begin():
        yield connection


def transact(engine: Engine, work: Callable[[Connection], T], *, synced: bool = True) -> T:
    """Run `work` in one write transaction (see `writing`), the whole of it again when the database was busy or away.

    Waits up to `PATIENCE` seconds in all for a database to come back; then the last error is raised.
    """
    return _patiently(engine, partial(writing, synced=synced), work)


def look(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run `work` in one read transaction, as patiently as `transact`."""
    return _patiently(engine, reading, work)


def _patiently(
    engine: Engine, begin: Callable[[Engine], AbstractContextManager[Connection]], work: Callable[[Connection], T]
) -> T:
    deadline = time.monotonic() + PATIENCE
    pause = 0.05
    while True:
        try:
            with begin(engine) as connection:
                return work(connection)
        except OperationalError as error:
            if not _passes(engine, error) or time.monotonic() > deadline:
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        pause = min(pause * 2, 2.0)


def _passes(engine: Engine, error: OperationalError) -> bool:
    # psycopg raises OperationalError for lost connections, deadlocks, start-ups, and (class 54) for what is too large
    # and will be again; sqlite3 for missing tables and full disks as well.
    if engine.dialect.name == "postgresql":
        return not str(getattr(error.orig, "sqlstate", None)).startswith("54")
    return "locked" in str(error.orig) or "busy" in str(error.orig)
