"""The ledger: every file dropped, how often it was tried, and what became of its records."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from models.dialect import insert_new, one_of
from models.tables import Article, Delivery, Rejection

ATTEMPTS = 3


@dataclass(frozen=True, slots=True)
class Drop:
    """A file to ingest: where it lies, the name it is known by, and the name of this very drop."""

    file: Path
    path: str
    claim: str
    source: str | None
    size: int | None
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """A drop's row in the ledger."""

    id: int
    drop: Drop
    state: str
    attempts: int
    """Attempts before this one that ended without progress."""
    position: int
    received_at: datetime


def open_entries(connection: Connection, drops: Sequence[Drop]) -> list[Entry]:
    """Enter drops in the ledger, or find them there. Each says how often it was tried before."""
    now = datetime.now(UTC)
    rows = [
        {
            "claim": drop.claim,
            "path": drop.path,
            "source": drop.source,
            "sha256": drop.sha256,
            "size": drop.size,
            "received_at": now,
            "touched_at": now,
        }
        for drop in sorted(drops, key=lambda drop: drop.claim)
    ]
    connection.execute(insert_new(connection, Delivery), rows)
    listed = select(Delivery.__table__).where(Delivery.claim.in_([drop.claim for drop in drops]))
    found = {row.claim: row for row in connection.execute(listed)}
    return [
        Entry(row.id, drop, row.state, row.attempts, row.position, row.received_at)
        for drop in drops
        for row in [found[drop.claim]]
    ]


def count_attempt(connection: Connection, entries: Sequence[Entry]) -> None:
    """Note that these files are about to be worked on, in case the worker does not live to say how it went."""
    ids = one_of(connection, Delivery.id, [entry.id for entry in entries])
    values = {"attempts": Delivery.attempts + 1, "touched_at": datetime.now(UTC)}
    connection.execute(update(Delivery).where(ids).values(values))


def advance(connection: Connection, delivery_id: int, position: int, rejected: Sequence[tuple[int, str, str]]) -> None:
    """Note that `position` records of a file are stored or rejected: progress, so its attempts start over."""
    if rejected:
        rows = [
            {"delivery_id": delivery_id, "record": record, "position": where, "reason": reason}
            for record, where, reason in rejected
        ]
        connection.execute(insert_new(connection, Rejection), rows)
    connection.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.position < position)
        .values(position=position, attempts=1, touched_at=datetime.now(UTC))
    )


def close_entry(connection: Connection, delivery_id: int, error: str | None) -> None:
    """Add up a file's records and close it: `done`, or `failed` with the reason.

    Counted from what is stored, not from what this process remembers: a crash in between changes nothing.
    """
    row = entry_row(connection, delivery_id)
    count = select(func.count())
    new = connection.scalar(count.select_from(Article).where(Article.delivery_id == delivery_id)) or 0
    rejected = connection.scalar(count.select_from(Rejection).where(Rejection.delivery_id == delivery_id)) or 0
    if error is None and row.position == rejected:
        first = connection.scalar(
            select(Rejection.reason).where(Rejection.delivery_id == delivery_id).order_by(Rejection.record).limit(1)
        )
        error = f"no article in it: {first}" if first else "no article in it"
    connection.execute(
        update(Delivery)
        .where(Delivery.id == delivery_id, Delivery.state == "received")
        .values(
            state="failed" if error is not None else "done",
            received=row.position,
            new=new,
            rejected=rejected,
            duplicate=row.position - new - rejected,
            error=error,
            finished_at=datetime.now(UTC),
        )
    )


def entry_row(connection: Connection, delivery_id: int) -> Row[Any]:
    """Read a file's row."""
    return connection.execute(select(Delivery.__table__).where(Delivery.id == delivery_id)).one()
