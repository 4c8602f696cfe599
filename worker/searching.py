"""The full-text search, filled behind the links: many texts at a time cost less, and no link waits for it."""

from sqlalchemy import Connection, Engine, delete, select

from models.dialect import fill_search, lock_store, one_of
from models.engine import look, transact
from models.tables import Unsearched

BATCH = 4096
"""Texts a transaction: half a second on SQLite, whose other writers wait so long."""


def fill(engine: Engine) -> None:
    """Tell the search of all texts that wait."""
    while fill_some(engine):
        pass


def fill_some(engine: Engine) -> bool:
    """Tell the search of a batch of the texts that wait; return whether there were any."""
    return waiting(engine) and transact(engine, _fill, synced=False)


def waiting(engine: Engine) -> bool:
    """Whether texts wait."""
    return look(engine, lambda connection: connection.scalar(select(Unsearched.text_id).limit(1))) is not None


def _fill(connection: Connection) -> bool:
    lock_store(connection, alone=False)  # while the search is told of a text nobody may delete it
    next_ones = select(Unsearched.text_id).order_by(Unsearched.text_id).limit(BATCH).with_for_update(skip_locked=True)
    ids = list(connection.scalars(next_ones))
    fill_search(connection, ids)
    connection.execute(delete(Unsearched).where(one_of(Unsearched.text_id, ids)))
    return bool(ids)
