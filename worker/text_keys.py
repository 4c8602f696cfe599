"""The entered part of the candidate index on SQLite: a table that is its own index, a row a posting."""

from collections.abc import Collection, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy import delete as deleting

from models import dialect
from models.tables import TextKey
from worker.core.runs import Posting, Postings, Span

Numbers = NDArray[np.int64]

_SPANS = (
    "WITH s AS MATERIALIZED (SELECT key AS number, value ->> 0 AS key, value ->> 1 AS first, value ->> 2 AS last "
    "FROM json_each(?)) "
)
_IN_SPANS = "CROSS JOIN text_keys t WHERE t.key = s.key AND t.place BETWEEN s.first AND s.last"


def insert(connection: Connection, postings: Postings) -> None:
    """See `Entered`. None should be there; but if one were, this would fail again and again, and all who store."""
    columns = (column.data for column in postings)  # as a list they would take ten times the memory
    rows = zip(*columns, strict=True)
    statement = "INSERT OR IGNORE INTO text_keys (key, place, text_id) VALUES"
    with dialect.driving(connection, statement) as cursor:
        while group := list(islice(rows, dialect.TOGETHER)):
            cursor.execute(f"{statement} {', '.join(['(?, ?, ?)'] * len(group))}", list(chain.from_iterable(group)))


def delete(connection: Connection, postings: Postings) -> int:
    """See `Entered`."""
    statement = "DELETE FROM text_keys WHERE key = ? AND place = ? AND text_id = ?"
    with dialect.driving(connection, statement) as cursor:
        cursor.executemany(statement, zip(*(column.data for column in postings), strict=True))
        return int(cursor.rowcount)


def clear(connection: Connection) -> None:
    """See `Entered`."""
    connection.execute(deleting(TextKey))


def of_keys(connection: Connection, keys: Numbers) -> tuple[Numbers, Numbers]:
    """See `Entered`."""
    asked = "FROM json_each(?) AS asked CROSS JOIN text_keys AS t ON t.key = asked.value"
    return _concatenated(connection, "asked.key", asked, keys)


def within(connection: Connection, spans: Sequence[Span]) -> tuple[Numbers, Numbers]:
    """See `Entered`."""
    return _concatenated(connection, "s.number", f"FROM s {_IN_SPANS}", spans, _SPANS)


def places_within(connection: Connection, spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """See `Entered`."""
    select = f"{_SPANS} SELECT s.number, t.place, t.text_id FROM s {_IN_SPANS}"  # noqa: S608 - our own words
    return dialect.fetch(connection, select, dialect.json_list(spans))


def after(connection: Connection, last: Posting, until: int, most: int) -> Postings:
    """See `Entered`."""
    select = (  # which takes them in the order of the inner one; as rows they took twice as long
        "SELECT group_concat(key), group_concat(place), group_concat(text_id) FROM (SELECT key, place, text_id "
        "FROM text_keys WHERE (key, place, text_id) > (?, ?, ?) AND key <= ? ORDER BY key, place, text_id LIMIT ?)"
    )
    (found,) = dialect.fetch(connection, select, *last, until, most)
    keys, places, texts = (np.fromstring(column or "", np.int64, sep=",") for column in found)
    return Postings(keys.astype(np.int32), places, texts.astype(np.int32))


def _concatenated(
    connection: Connection, number: str, held: str, asked: Collection[Any], first: str = ""
) -> tuple[Numbers, Numbers]:
    """From all of it as one string, text and number as one integer, as short as can be: making rows, or a string each,
    took half as long again as looking for them."""
    bits = len(asked).bit_length()
    select = f"{first} SELECT group_concat(t.text_id << {bits} | {number}) {held}"
    ((found,),) = dialect.fetch(connection, select, dialect.json_list(asked))
    both = np.fromstring(found or "", np.int64, sep=",")
    return both & (1 << bits) - 1, both >> bits
