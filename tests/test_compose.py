"""docker-compose.yml keeps its promises: as parsed, and by running the very commands it names on real servers."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from sqlalchemy import Engine, create_engine, make_url, text

from tests.servers import free_port
from worker.cli import cli

COMPOSE = Path(__file__).parents[1] / "docker-compose.yml"
OURS = ("migrate", "watch", "worker")
SETTINGS = {"NEWSFOLD_DATABASE_URL", "NEWSFOLD_BROKER_URL", "NEWSFOLD_INBOX"}
PATIENCE = 90.0


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    """The services, with every variable at its default, as someone sees them who sets none."""
    parsed = yaml.safe_load(re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", COMPOSE.read_text()))
    found: dict[str, dict[str, Any]] = parsed["services"]
    return found


def test_the_services_are_the_five_of_the_design(services: dict[str, dict[str, Any]]) -> None:
    assert set(services) == {"redis", "postgres", *OURS}


def test_no_port_is_published_and_nothing_is_privileged(services: dict[str, dict[str, Any]]) -> None:
    for service in services.values():
        assert not {"ports", "network_mode", "privileged"} & set(service)
    for name in OURS:
        assert services[name]["user"] == "1000:1000"
        assert services[name]["cap_drop"] == ["ALL"]


def test_redis_keeps_what_it_accepted_and_evicts_nothing(services: dict[str, dict[str, Any]]) -> None:
    command = services["redis"]["command"]
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert command[0] == "redis-server"
    assert options["--appendonly"] == "yes"
    assert options["--maxmemory-policy"] == "noeviction"
    assert options["--requirepass"] in services["redis"]["environment"]["REDISCLI_AUTH"]
    assert services["redis"]["volumes"] == ["redis:/data"]


def test_postgres_is_18_on_a_volume_where_18_keeps_its_data(services: dict[str, dict[str, Any]]) -> None:
    assert services["postgres"]["image"].startswith("postgres:18")
    assert services["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert "pg_isready" in services["postgres"]["healthcheck"]["test"][1]


def test_the_three_settings_lead_to_the_other_services(services: dict[str, dict[str, Any]]) -> None:
    for name in OURS:
        environment = services[name]["environment"]
        assert set(environment) == SETTINGS
        database, broker = (make_url(environment[f"NEWSFOLD_{kind}_URL"]) for kind in ("DATABASE", "BROKER"))
        assert (database.host, database.port) == ("postgres", 5432)
        postgres = services["postgres"]["environment"]
        assert (database.username, database.password) == (postgres["POSTGRES_USER"], postgres["POSTGRES_PASSWORD"])
        assert database.database == postgres["POSTGRES_DB"]
        assert (broker.drivername, broker.host, broker.port) == ("redis", "redis", 6379)
        assert broker.password == services["redis"]["environment"]["REDISCLI_AUTH"]


def test_everything_starts_when_what_it_needs_is_ready(services: dict[str, dict[str, Any]]) -> None:
    assert services["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("watch", "worker"):
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "redis": {"condition": "service_healthy"},
        }


def test_only_migrate_ends_and_the_others_come_back(services: dict[str, dict[str, Any]]) -> None:
    restarts = {name: service["restart"] for name, service in services.items()}
    assert restarts.pop("migrate") == "no"
    assert set(restarts.values()) == {"unless-stopped"}
    assert {name for name, service in services.items() if "healthcheck" in service} == set(restarts)


def test_watch_and_workers_share_one_inbox_and_workers_can_be_many(services: dict[str, dict[str, Any]]) -> None:
    for name in ("watch", "worker"):
        (mount,) = services[name]["volumes"]
        assert (mount["type"], mount["source"], mount["target"]) == ("bind", "./inbox", "/inbox")
        assert services[name]["environment"]["NEWSFOLD_INBOX"] == mount["target"]
        assert mount["bind"] == {"create_host_path": False}
    assert "container_name" not in services["worker"]


def test_every_newsfold_command_it_names_exists(services: dict[str, dict[str, Any]]) -> None:
    named = [services[name]["command"] for name in OURS]
    named += [services[name]["healthcheck"]["test"][1:] for name in ("watch", "worker")]
    for program, command in named:
        assert program == "newsfold"
        assert command in cli.commands


class Installation:
    """What the compose file starts, started here: its commands, its settings with the hosts of the test servers."""

    def __init__(self, services: dict[str, dict[str, Any]], settings: dict[str, str], logs: Path) -> None:
        """`settings` replaces the values of the services' environments, and adds nothing to them."""
        self._services = services
        self._settings = settings
        self._logs = logs

    def start(self, name: str, command: list[str] | None = None) -> subprocess.Popen[bytes]:
        """Start a service's command, or another one as the service would, as a process of its own."""
        program, *arguments = command or self._services[name]["command"]
        given = {key: self._settings[key] for key in self._services[name]["environment"]}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("NEWSFOLD_")}
        with (self._logs / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [str(Path(sys.executable).with_name(program)), *arguments], env=inherited | given, cwd=self._logs,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """Keep a service running; it must end by itself, with exit code 0, when `docker compose stop` asks it to."""
        process = self.start(name)
        try:
            yield process
            assert process.poll() is None, f"{name} ended too soon:\n{self.log(name)}"
            process.terminate()
            assert process.wait(30) == 0, f"{name} did not end cleanly:\n{self.log(name)}"
        finally:
            process.kill()
            process.wait()

    def healthy(self, name: str) -> bool:
        """Run a service's health check as Docker does."""
        check = self._services[name]["healthcheck"]
        process = self.start(name, check["test"][1:])
        try:
            return process.wait(int(check["timeout"].removesuffix("s"))) == 0
        finally:
            process.kill()
            process.wait()

    def log(self, name: str) -> str:
        """Read the end of what a service wrote."""
        return (self._logs / f"{name}.log").read_text(errors="replace")[-3000:]


@pytest.fixture
def settings(postgres_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The three settings, on the servers of the tests; the database named as in the compose file, without a driver."""
    database = make_url(postgres_url).set(drivername="postgresql").render_as_string(hide_password=False)
    inbox = str(tmp_path / "inbox")
    return {"NEWSFOLD_DATABASE_URL": database, "NEWSFOLD_BROKER_URL": redis_url, "NEWSFOLD_INBOX": inbox}


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    """A look at the database from outside."""
    engine = create_engine(postgres_url)
    yield engine
    engine.dispose()


def wait_for(reached: Callable[[], bool], report: Callable[[], str]) -> None:
    """Wait until `reached`; fail with `report` when patience ends."""
    deadline = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > deadline:
            pytest.fail(report())
        time.sleep(0.1)


def drop_five_files(inbox: Path) -> None:
    """Drop five articles of two outlets as people do: into a folder with the outlet's name."""
    for number in range(5):
        folder = inbox / "incoming" / ("harbour-times" if number % 2 else "valley-post")
        folder.mkdir(parents=True, exist_ok=True)
        article = {
            "id": f"item-{number}",
            "title": f"Bridge {number} over the Ansel reopens",
            "text": f"The town council of Orrin has reopened bridge number {number} over the river Ansel. " * 4,
            "published_at": f"2026-03-0{number + 1}T08:00:00Z",
        }
        (folder / f"bridge-{number}.json").write_text(json.dumps(article))


def test_the_commands_it_names_carry_files_from_the_inbox_into_stories(
    services: dict[str, dict[str, Any]], settings: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    installation = Installation(services, settings, tmp_path)
    inbox = Path(settings["NEWSFOLD_INBOX"])
    migrate = installation.start("migrate")
    assert migrate.wait(PATIENCE) == 0, installation.log("migrate")

    def finished() -> bool:
        with engine.connect() as connection:
            members = connection.scalar(text("SELECT count(*) FROM story_members"))
        return members == 5 and sum(path.is_file() for path in (inbox / "done").rglob("*")) == 5

    with installation.running("watch"), installation.running("worker"):
        drop_five_files(inbox)
        wait_for(finished, lambda: installation.log("watch") + installation.log("worker"))
        assert installation.healthy("watch"), installation.log("watch")
    left = [path for folder in ("incoming", "processing", "failed") for path in (inbox / folder).rglob("*")]
    assert [path for path in left if path.is_file()] == []


def test_the_health_check_fails_in_time_without_a_broker(
    services: dict[str, dict[str, Any]], settings: dict[str, str], tmp_path: Path
) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    installation = Installation(services, settings | {"NEWSFOLD_BROKER_URL": nobody}, tmp_path)
    assert installation.start("migrate").wait(PATIENCE) == 0
    assert not installation.healthy("worker")
    assert "BAD  broker" in installation.log("worker")
