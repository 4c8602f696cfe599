"""Where postings end: a table that is its own index on SQLite, pages on PostgreSQL, which has no such tables."""

from collections.abc import Iterator, Sequence
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from worker import key_pages, text_keys
from worker.core.runs import Posting, Postings, Span, keys_of, last_of

Numbers = NDArray[np.int64]

FIRST_KEY: Final = -(1 << 31)
LAST_KEY: Final = (1 << 31) - 1
BEFORE_ALL: Final[Posting] = (FIRST_KEY, -1, 0)
"""Comes before every posting."""


class Entered(Protocol):
    """The candidate index, as both modules have it. Postings are given, and come, in its order."""

    def insert(self, connection: Connection, postings: Postings) -> None:
        """Enter postings, passing over those that are there. The caller holds off who else enters in these shards."""

    def delete(self, connection: Connection, postings: Postings) -> int:
        """Delete those of these postings that are there; return how many. The caller holds off whoever enters any."""

    def clear(self, connection: Connection) -> None:
        """Delete all."""

    def of_keys(self, connection: Connection, keys: Numbers) -> tuple[Numbers, Numbers]:
        """Read the texts of these keys, which ascend: numbers of keys, and texts, one for one."""

    def within(self, connection: Connection, spans: Sequence[Span]) -> tuple[Numbers, Numbers]:
        """Read the texts in these spans: numbers of spans, and texts, one for one."""

    def places_within(self, connection: Connection, spans: Sequence[Span]) -> list[tuple[int, int, int]]:
        """Read posting by posting what is in these spans: (number of the span, place, text)."""

    def after(self, connection: Connection, last: Posting, until: int, most: int) -> Postings:
        """Read on after a posting up to the key `until`: some `most`, or none at the end.

        The posting is the last of the call before, or comes before all of a shard.
        """


def entered(connection: Connection) -> Entered:
    """The one of this database."""
    return key_pages if connection.dialect.name == "postgresql" else text_keys


def through(connection: Connection, most: int, shard: int | None = None) -> Iterator[Postings]:
    """Read all there is, or all of a shard, some `most` at a time."""
    first, last = (FIRST_KEY, LAST_KEY) if shard is None else keys_of(shard)
    at = first, -1, 0
    while len((found := entered(connection).after(connection, at, last, most)).keys):
        yield found
        at = last_of(found)
