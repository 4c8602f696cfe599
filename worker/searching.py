"""The full-text search, filled behind the links: many texts at a time cost less, and no link waits for it."""

from sqlalchemy import Connection, Engine, delete, select

from models.dialect import fill_search, lock_store, one_of
from models.engine import look, transact
from models.tables import Unsearched

BATCH = 4096
"""Texts a transaction: half a second on SQLite, whose other writers wait so long."""


def fill(engine: Engine, least: int = 1) -> None:
    """Tell the search of the texts that wait, as long as at least so many do."""
    while waiting(engine, least) and transact(engine, _fill):
        pass


def waiting(engine: Engine, least: int = 1) -> bool:
    """Whether at least so many texts wait."""
    nth = select(Unsearched.text_id).order_by(Unsearched.text_id).offset(least - 1).limit(1)
    return look(engine, lambda connection: connection.scalar(nth)) is not None


def _fill(connection: Connection) -> int:
    lock_store(connection, alone=False)  # while the search is told of a text nobody may delete it
    waiting = select(Unsearched.text_id).order_by(Unsearched.text_id).limit(BATCH).with_for_update(skip_locked=True)
    ids = list(connection.scalars(waiting))
    fill_search(connection, ids)
    connection.execute(delete(Unsearched).where(one_of(Unsearched.text_id, ids)))
    return len(ids)
