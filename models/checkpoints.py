"""SQLite's log is moved into the database by threads of their own, so that no commit waits for it.

By itself SQLite does so in the commit that finds the log long enough: with a million articles stored in every other
batch, for a quarter of a second. A PASSIVE checkpoint holds nobody off, whether they read or write.
"""

import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

ENOUGH: Final = 4096
"""Changed rows from which one is worth it: a batch of a thousand articles, or some hundreds that come alone. Pages wait
in the log until several articles have touched them, and who commits one article waits for the same disk."""


@dataclass(slots=True)
class _State:
    rows: int = 0
    """Changed since the last one began."""
    thread: Thread | None = None
    """Who does the last one."""


_STATES: WeakKeyDictionary[Engine, _State] = WeakKeyDictionary()


def committed(engine: Engine, rows: int) -> None:
    """Hear that so many rows of this SQLite database were changed, and begin a checkpoint if that makes enough."""
    state = _STATES.setdefault(engine, _State())
    state.rows += rows
    if state.rows >= ENOUGH and engine.url.database and not (state.thread and state.thread.is_alive()):
        state.rows = 0
        state.thread = Thread(target=checkpoint, args=(Path(engine.url.database),), daemon=True)
        state.thread.start()


def end(engine: Engine) -> None:
    """Wait for one that is under way: whoever closes the database last leaves no log beside it."""
    state = _STATES.pop(engine, _State())
    if state.thread:
        state.thread.join()


def checkpoint(path: Path) -> None:
    """Move into the database what can be moved. What fails is left to the next one."""
    file = f"file:{quote(str(path.absolute()))}?mode=rw"  # one that was deleted meanwhile is not made anew
    with suppress(sqlite3.Error), closing(sqlite3.connect(file, uri=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
