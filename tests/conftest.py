"""Databases and brokers for the tests.

The servers start on first use, so tests of pure functions pay nothing; where tests run in several processes
(pytest-xdist, as `make test` does), each has its own. `NEWSFOLD_TEST_DATABASE_URL` (a PostgreSQL role
that may create databases) and `NEWSFOLD_TEST_REDIS_URL` (a numbered database that may be emptied) name servers of
one's own instead. A server that is not there fails the tests that need it; nothing is skipped.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import psutil
import pytest
import redis
import structlog
from hypothesis import settings

from tests.servers import PostgresServer, RedisServer, create_database, drop_database
from worker import postings, prune


def pytest_configure(config: pytest.Config) -> None:
    """End on SIGTERM as on Ctrl-C, with the fixtures' clean-up: `timeout` and CI must not leave servers behind."""

    def end(*_: object) -> NoReturn:
        if config.getoption("numprocesses", None):  # on Ctrl-C the terminal tells these processes
            for process in psutil.Process().children():
                process.terminate()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, end)
    # The first example loads a kernel, and the machine may be busy: how long one takes says nothing.
    settings.register_profile("newsfold", deadline=None)
    settings.load_profile("newsfold")
    # rich, the default, takes longer to print an error than most tests take.
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """One process if they would have to share a Redis: each test empties it."""
    return 1 if os.environ.get("NEWSFOLD_TEST_REDIS_URL") else None


@pytest.fixture(autouse=True)
def short_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few texts are more than may wait, or than `prune` takes: what a test stores would never come so far."""
    for name, limit in (("SMALL", 100), ("WAITING", 100), ("ALIKE", 3)):
        monkeypatch.setattr(postings, name, limit)
    monkeypatch.setattr(prune, "SLICE", 100)


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """A folder for the servers' data, which users without rights can enter: PostgreSQL under root runs as nobody."""
    folder = Path(tempfile.mkdtemp(prefix="newsfold-test-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres_server(servers_folder: Path) -> Iterator[PostgresServer]:
    """The suite's own PostgreSQL. A test that kills it starts it again."""
    server = PostgresServer(servers_folder / "postgres")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[RedisServer]:
    """The suite's own Redis. A test that kills it starts it again."""
    server = RedisServer(servers_folder / "redis")
    try:
        server.start()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def postgres_admin_url(request: pytest.FixtureRequest) -> str:
    """Where databases are made and dropped."""
    given = os.environ.get("NEWSFOLD_TEST_DATABASE_URL")
    if given:
        return given
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.url()


@pytest.fixture
def postgres_url(postgres_admin_url: str) -> Iterator[str]:
    """The URL of a fresh, empty PostgreSQL database."""
    url = create_database(postgres_admin_url)
    yield url
    drop_database(postgres_admin_url, url)


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'newsfold.db'}"


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a fresh, empty database: the test runs once on each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def redis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of an empty Redis database."""
    url = os.environ.get("NEWSFOLD_TEST_REDIS_URL")
    if not url:
        server: RedisServer = request.getfixturevalue("redis_server")
        url = server.url()
    with redis.Redis.from_url(url) as client:
        client.flushdb()
        yield url
        client.flushdb()
