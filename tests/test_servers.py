"""The servers under the tests behave as the tests take for granted."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from sqlalchemy import create_engine, make_url, text

from tests.servers import PostgresServer, RedisServer, create_database, drop_database


@pytest.fixture
def postgres(servers_folder: Path, tmp_path: Path) -> Iterator[PostgresServer]:
    server = PostgresServer(servers_folder / f"postgres-{tmp_path.name}")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def broker(servers_folder: Path, tmp_path: Path) -> Iterator[RedisServer]:
    server = RedisServer(servers_folder / f"redis-{tmp_path.name}")
    server.start()
    yield server
    server.stop()


def test_a_killed_postgres_comes_back_on_its_port_with_what_was_committed(postgres: PostgresServer) -> None:
    url = create_database(postgres.url())
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    open_at_the_crash = psycopg.connect(conninfo)
    family = psutil.Process(postgres.pid).children(recursive=True)
    postgres.kill()
    assert not [process for process in family if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
    open_at_the_crash.close()
    postgres.start()
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT number FROM kept").fetchone() == (7,)
    drop_database(postgres.url(), url)


def test_a_killed_redis_comes_back_on_its_port_with_what_it_had_accepted(broker: RedisServer) -> None:
    with redis.Redis.from_url(broker.url()) as client:
        client.rpush("queue", "first", "second")
    broker.kill()
    broker.start()
    with redis.Redis.from_url(broker.url(), decode_responses=True) as client:
        assert client.lrange("queue", 0, -1) == ["first", "second"]
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_every_test_gets_an_empty_database(database_url: str) -> None:
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE only_here (number INTEGER)"))
    engine.dispose()


def test_a_server_asks_for_its_password(postgres: PostgresServer, broker: RedisServer) -> None:
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(host="127.0.0.1", port=postgres.port, user="postgres", connect_timeout=2)
    with redis.Redis(port=broker.port, retry=Retry(NoBackoff(), 0)) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


def test_a_server_that_cannot_start_says_why(broker: RedisServer, servers_folder: Path, tmp_path: Path) -> None:
    second = RedisServer(servers_folder / f"redis-2-{tmp_path.name}")
    second.port = broker.port
    config = second.folder / "redis.conf"
    config.write_text(config.read_text().replace("appendonly yes", "no-such-setting 1"))
    with pytest.raises(RuntimeError, match="no-such-setting"):
        second.start()
