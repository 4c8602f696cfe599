"""The entered part of the candidate index on PostgreSQL: pages of postings (`worker.core.pages`).

Whoever enters or deletes reads the pages it reaches and writes them anew, each in the block where it was: half of that
is left free for it (heap-only tuples), so that nothing has to wait for a vacuum. No page has postings of two shards, so
that each can be written by another process.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy import delete as deleting

from models import dialect
from models.tables import KeyPage
from worker.core.pages import FULL, SIZE, among, cuts, pack, pages_of, unpack, without
from worker.core.runs import (
    RECORD,
    Posting,
    Postings,
    Span,
    chosen,
    joined,
    keys_of,
    last_of,
    merge,
    of_records,
    part,
    shards,
)

PIECE: Final = 1 << 14
"""Postings entered or deleted at a time: in the worst case each is in a page of its own, which makes 32 MB."""
ASKED: Final = 1 << 12
"""Spans looked for at a time: a page or more for each, of which most is not asked for, makes 6 MB."""

Numbers = NDArray[np.int64]

# Of a span the page that begins before it, and those that begin in it.
_REACHED = (
    "SELECT s.number, p.data "
    "FROM unnest(%s::int[], %s::int[], %s::bigint[], %s::bigint[]) AS s(number, key, first, last) "
    "CROSS JOIN LATERAL ((SELECT data FROM key_pages WHERE (key, place) < (s.key, s.first) "
    "ORDER BY key DESC, place DESC, text_id DESC LIMIT 1) "
    "UNION ALL (SELECT data FROM key_pages WHERE key = s.key AND place BETWEEN s.first AND s.last)) AS p"
)
_NEXT = (
    "SELECT data FROM key_pages WHERE (key, place, text_id) > (%s, %s, %s) AND key <= %s "
    "ORDER BY key, place, text_id LIMIT %s"
)
# As one value: making rows took longer than reading the pages' index.
_FIRSTS = (
    "SELECT string_agg(int4send(key) || int8send(place) || int4send(text_id), '' ORDER BY key, place, text_id) FROM ("
    "(SELECT key, place, text_id FROM key_pages WHERE key >= %s AND (key, place, text_id) <= (%s, %s, %s) "
    "ORDER BY key DESC, place DESC, text_id DESC LIMIT 1) UNION ALL "
    "(SELECT key, place, text_id FROM key_pages "
    "WHERE (key, place, text_id) > (%s, %s, %s) AND (key, place, text_id) <= (%s, %s, %s))) AS pages"
)
# In one row each: a row a page would take as long as reading it.
_HELD = (
    "SELECT string_agg(int4send(coalesce(length(data), 0)), '' ORDER BY number), string_agg(data, '' ORDER BY number) "
    "FROM unnest(%s::int[], %s::bigint[], %s::int[]) WITH ORDINALITY AS asked(key, place, text_id, number) "
    "LEFT JOIN key_pages USING (key, place, text_id)"
)
_PUT = (
    "INSERT INTO key_pages (key, place, text_id, data) "
    "SELECT key, place, text_id, substr(%b, start, size) "
    "FROM unnest(%s::int[], %s::bigint[], %s::int[], %s::int[], %s::int[]) AS new(key, place, text_id, start, size) "
    "ON CONFLICT (key, place, text_id) DO UPDATE SET data = excluded.data"
)
_GONE = (
    "DELETE FROM key_pages p USING unnest(%s::int[], %s::bigint[], %s::int[]) AS gone(key, place, text_id) "
    "WHERE p.key = gone.key AND p.place = gone.place AND p.text_id = gone.text_id"
)


def insert(connection: Connection, postings: Postings) -> None:
    """See `Entered`."""
    for start, end, first in _pieces(postings.keys):
        new = part(postings, start, end)
        pages, own = _reached(connection, new, first)
        held, sizes = _held(connection, pages)
        known, _ = among(held, new)
        sizes += np.bincount(np.delete(own, known), minlength=len(sizes))
        _put(connection, pages, merge([held, without(new, known)]), sizes)


def delete(connection: Connection, postings: Postings) -> int:
    """See `Entered`."""
    deleted = 0
    for start, end, first in _pieces(postings.keys):
        asked = part(postings, start, end)
        pages, _ = _reached(connection, asked, first)
        held, sizes = _held(connection, pages)
        _, at = among(held, asked)
        sizes -= np.bincount(np.repeat(np.arange(len(sizes)), sizes)[at], minlength=len(sizes))
        _put(connection, pages, without(held, at), sizes)
        connection.exec_driver_sql(_GONE, _columns(chosen(pages, sizes == 0)))
        deleted += len(at)
    return deleted


def clear(connection: Connection) -> None:
    """See `Entered`."""
    connection.execute(deleting(KeyPage))


def of_keys(connection: Connection, keys: Numbers) -> tuple[Numbers, Numbers]:
    """See `Entered`."""
    numbers, found = _found(connection, np.column_stack((keys, np.zeros_like(keys), np.full_like(keys, _LAST))))
    return numbers, found.texts.astype(np.int64)


def within(connection: Connection, spans: Sequence[Span]) -> tuple[Numbers, Numbers]:
    """See `Entered`."""
    numbers, found = _found(connection, np.array(spans, np.int64))
    return numbers, found.texts.astype(np.int64)


def places_within(connection: Connection, spans: Sequence[Span]) -> list[tuple[int, int, int]]:
    """See `Entered`."""
    numbers, found = _found(connection, np.array(spans, np.int64))
    return list(zip(numbers.tolist(), found.places.tolist(), found.texts.tolist(), strict=True))


def after(connection: Connection, last: Posting, until: int, most: int) -> Postings:
    """See `Entered`."""
    with dialect.driving(connection, _NEXT) as cursor:
        rows = cursor.execute(_NEXT, (*last, until, -(-most // FULL)), binary=True).fetchall()
    found = unpack(b"".join(row[0] for row in rows))
    return part(found, 0, int(np.searchsorted(found.keys, until, "right")))


_LAST: Final = np.iinfo(np.int64).max


def _found(connection: Connection, spans: Numbers) -> tuple[Numbers, Postings]:
    """Numbers of spans, and the postings in them, one for one."""
    found = [_found_in(connection, spans, at) for at in range(0, len(spans), ASKED)]
    return np.concatenate([numbers for numbers, _ in found]), joined([held for _, held in found])


def _found_in(connection: Connection, spans: Numbers, at: int) -> tuple[Numbers, Postings]:
    """The same of the next spans from number `at` on."""
    asked = spans[at : at + ASKED]
    columns = np.arange(at, at + len(asked)), *asked.T.copy()
    with dialect.driving(connection, _REACHED) as cursor:
        rows = cursor.execute(_REACHED, tuple(map(dialect.sql_array, columns)), binary=True).fetchall()
    held = unpack(b"".join(row[1] for row in rows))
    numbers, sizes = np.array([(row[0], len(row[1]) // SIZE) for row in rows], np.int64).reshape(-1, 2).T
    of_key = np.flatnonzero(held.keys == np.repeat(spans[numbers, 0], sizes))
    numbers, places = np.repeat(numbers, sizes)[of_key], held.places[of_key]
    inside = (places >= spans[numbers, 1]) & (places <= spans[numbers, 2])
    return numbers[inside], chosen(held, of_key[inside])


def _pieces(keys: NDArray[np.int32]) -> list[tuple[int, int, int]]:
    """Parts of these keys, which ascend, to be worked off at a time: from where, to where, first key of the shard."""
    return [
        (at, min(at + PIECE, end), keys_of(shard)[0])
        for shard, start, end in shards(keys)
        for at in range(start, end, PIECE)
    ]


def _reached(connection: Connection, postings: Postings, least: int) -> tuple[Postings, Numbers]:
    """What the pages begin with in which these postings belong, none with a key below `least`; and of each which it is.

    If no page begins before the first of them, one is to begin with it.
    """
    first, last = last_of(part(postings, 0, 1)), last_of(postings)
    with dialect.driving(connection, _FIRSTS) as cursor:
        ((found,),) = cursor.execute(_FIRSTS, (least, *first, *first, *last), binary=True).fetchall()
    pages = of_records(np.frombuffer(found or b"", RECORD.newbyteorder(">")))
    if not found or last_of(part(pages, 0, 1)) > first:
        pages = joined([part(postings, 0, 1), pages])
    reached, own = np.unique(pages_of(pages, postings), return_inverse=True)
    return chosen(pages, reached), own


def _held(connection: Connection, pages: Postings) -> tuple[Postings, Numbers]:
    """All that is in the pages that begin with these postings, and how many each has: none if it is not there yet."""
    with dialect.driving(connection, _HELD) as cursor:
        ((sizes, held),) = cursor.execute(_HELD, _columns(pages), binary=True).fetchall()
    return unpack(held or b""), np.frombuffer(sizes, ">i4").astype(np.int64) // SIZE


def _put(connection: Connection, pages: Postings, postings: Postings, sizes: Numbers) -> None:
    """Write pages that are to have so many of these postings."""
    ends, page = cuts(sizes)
    starts = np.append(0, ends)[:-1]
    firsts = chosen(postings, starts)
    _, begins = np.unique(page, return_index=True)
    there = chosen(pages, page[begins])  # a page that lost its first posting keeps its row
    firsts.keys[begins], firsts.places[begins], firsts.texts[begins] = there
    places = SIZE * starts + 1, SIZE * (ends - starts)
    with dialect.driving(connection, _PUT) as cursor:
        cursor.execute(_PUT, (pack(postings), *_columns(firsts), *map(dialect.sql_array, places)))


def _columns(postings: Postings) -> tuple[str, ...]:
    return tuple(dialect.sql_array(np.ascontiguousarray(column)) for column in postings)
