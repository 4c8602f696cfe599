"""Settings: the environment, read once, checked, with defaults that need no server."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from worker.core.errors import NewsfoldError

PREFIX = "NEWSFOLD_"
QUEUE = "newsfold"
"""The queue's name, and that of its key in Redis. An installation has a numbered Redis database to itself."""


class SettingsError(NewsfoldError):
    """A setting that cannot work. Raised before anything is opened; the command line exits 2."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What differs between installations. A plain dataclass: pydantic-settings doubles the start of every command."""

    database_url: str = "sqlite:///newsfold.db"
    broker_url: str = "memory://"
    inbox: Path = Path("inbox")
    settle: float = 1.0
    """Seconds a dropped file's size and mtime must have rested before it counts as complete."""
    metrics_port: int | None = None
    """Where the watcher answers Prometheus; nowhere by default."""
    window: int | None = None
    """Days between two publications beyond which texts are not compared; None (the default) compares them all."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read `NEWSFOLD_DATABASE_URL`, `_BROKER_URL`, `_INBOX`, `_SETTLE`, `_METRICS_PORT` and `_WINDOW_DAYS`.

        `_MAX_RECORD_MB` (64) and `_MAX_UNPACKED_MB` (1000) are checked here and read where they apply, by the parsers.
        Raises SettingsError, without the value of a URL: it may hold a password.
        """
        default = cls()
        database_url = environ.get(f"{PREFIX}DATABASE_URL") or default.database_url
        try:
            backend = make_url(database_url).get_backend_name()
        except ArgumentError:
            raise SettingsError(f"{PREFIX}DATABASE_URL is not a database URL; try sqlite:///newsfold.db") from None
        if backend not in ("sqlite", "postgresql"):
            raise SettingsError(f"{PREFIX}DATABASE_URL names {backend}; newsfold keeps to sqlite and postgresql")
        broker_url = environ.get(f"{PREFIX}BROKER_URL") or default.broker_url
        if broker_url.partition("://")[0] not in ("memory", "redis", "rediss", "redis+socket"):
            raise SettingsError(f"{PREFIX}BROKER_URL must start with memory:// or redis://")
        inbox = Path(environ.get(f"{PREFIX}INBOX") or default.inbox)
        _check_limits(environ)
        settle, port = _settle(environ, default.settle), _port(environ)
        return cls(
            database_url=database_url, broker_url=broker_url, inbox=inbox, settle=settle, metrics_port=port,
            window=_window(environ, default.window),
        )  # fmt: skip

    @property
    def embedded(self) -> bool:
        """Whether the broker lives in this process, so that only `newsfold run` can use it."""
        return self.broker_url.startswith("memory")


def _settle(environ: Mapping[str, str], default: float) -> float:
    try:
        settle = float(environ.get(f"{PREFIX}SETTLE") or default)
    except ValueError:
        settle = -1.0
    if not 0 <= settle < float("inf"):
        raise SettingsError(f"{PREFIX}SETTLE must be a number of seconds")
    return settle


def _port(environ: Mapping[str, str]) -> int | None:
    given = environ.get(f"{PREFIX}METRICS_PORT")
    if not given:
        return None
    if not (given.isdecimal() and 0 < int(given) < 65536):
        raise SettingsError(f"{PREFIX}METRICS_PORT must be a port number, 1 to 65535")
    return int(given)


def _window(environ: Mapping[str, str], default: int | None) -> int | None:
    given = environ.get(f"{PREFIX}WINDOW_DAYS")
    if not given or given == "unlimited":
        return default
    if not (given.isdecimal() and int(given) > 0):
        raise SettingsError(f"{PREFIX}WINDOW_DAYS must be a number of days, 1 or more, or unlimited")
    return int(given)


def _check_limits(environ: Mapping[str, str]) -> None:
    for name in ("MAX_RECORD_MB", "MAX_UNPACKED_MB"):
        given = environ.get(f"{PREFIX}{name}") or "1"
        if not (given.isdecimal() and int(given) > 0):
            raise SettingsError(f"{PREFIX}{name} must be a number of megabytes, 1 or more")
