"""Alembic environment and versions, packaged: no ini file, no working directory."""

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from models.engine import reading, writing

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = str(Path(__file__).parent)
HEAD = "0013"
"""The newest revision, said here so that reading commands need not load Alembic; a test compares it with the files."""

# One number for every newsfold: whoever holds it in PostgreSQL is migrating. SQLite's write lock does the same.
MIGRATION_LOCK = 0x6E657773


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the schema to `revision`, whole or not at all; a second caller waits and finds nothing to do."""
    from alembic import command

    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        command.upgrade(_config(connection), revision)


def downgrade(engine: Engine, revision: str) -> None:
    """Take the schema back to `revision` (`base`: nothing left)."""
    from alembic import command

    with writing(engine) as connection:
        command.downgrade(_config(connection), revision)


def is_current(engine: Engine) -> bool:
    """Tell whether the schema is the one this version of newsfold was written for."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return False
        return bool(connection.scalar(text("SELECT version_num FROM alembic_version")) == HEAD)


def _config(connection: Connection) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", FOLDER)
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
