"""SQLite's log is moved into the database by threads of their own, so that no commit waits for it.

By itself SQLite does so in the commit that finds the log long enough: with a million articles stored in every other
batch, for a quarter of a second. A PASSIVE checkpoint holds nobody off, whether they read or write.
"""

import sqlite3
import time
from contextlib import closing, suppress
from pathlib import Path
from threading import Thread
from typing import Final
from urllib.parse import quote
from weakref import WeakKeyDictionary

from sqlalchemy import Engine

PAUSE: Final = 0.5
"""Seconds from one to the next: pages wait in the log until several articles have touched them."""

_LAST: WeakKeyDictionary[Engine, tuple[float, Thread]] = WeakKeyDictionary()
"""When the last one began, and who does it."""


def start(engine: Engine) -> None:
    """Begin a checkpoint of this SQLite database, if the last did not begin just now. To be called after commits."""
    began, last = _LAST.get(engine, (0.0, None))
    now = time.monotonic()
    if engine.url.database and (last is None or (now - began >= PAUSE and not last.is_alive())):
        thread = Thread(target=checkpoint, args=(Path(engine.url.database),), daemon=True)
        _LAST[engine] = now, thread
        thread.start()


def end(engine: Engine) -> None:
    """Wait for one that is under way: whoever closes the database last leaves no log beside it."""
    _, last = _LAST.pop(engine, (0.0, None))
    if last:
        last.join()


def checkpoint(path: Path) -> None:
    """Move into the database what can be moved. What fails is left to the next one."""
    file = f"file:{quote(str(path.absolute()))}?mode=rw"  # one that was deleted meanwhile is not made anew
    with suppress(sqlite3.Error), closing(sqlite3.connect(file, uri=True)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
