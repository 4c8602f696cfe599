"""The ledger: every file dropped, how often it was tried, and what became of its records."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, select, update

from models.dialect import insert_new, one_of
from models.tables import Article, Delivery, Part, Rejection

ATTEMPTS = 3
GAVE_UP = f"gave up after {ATTEMPTS} attempts"
"""How the error of a file, and the reason of a record, begins that its worker died on."""

# Made once: putting statements together takes longer than running them on the one file of an article that comes alone.
_KNOWN = select(Delivery.__table__).where(Delivery.claim.in_(bindparam("claims", expanding=True)))
_ROWS = select(Delivery.__table__).where(one_of(Delivery.id, "ids"))
_SUMS = (
    select(
        Delivery.id,
        Delivery.position,
        *(
            select(func.count()).where(column == Delivery.id).scalar_subquery()
            for column in (Article.delivery_id, Rejection.delivery_id)
        ),
    )
    .where(one_of(Delivery.id, "ids"))
    .order_by(Delivery.id)
)
_REASONS = (
    select(Rejection.delivery_id, Rejection.reason)
    .where(one_of(Rejection.delivery_id, "ids"))
    .order_by(Rejection.delivery_id, Rejection.record.desc())
)
_TRIED = (
    update(Delivery)
    .where(one_of(Delivery.id, "ids"))
    .values(attempts=Delivery.attempts + 1, touched_at=bindparam("now"))
)
_ADVANCED = (
    update(Delivery)
    .where(Delivery.id == bindparam("delivery"), Delivery.position < bindparam("reached"))
    .values(position=bindparam("reached"), attempts=1, touched_at=bindparam("now"))
)
_SUMMED = ("state", "received", "new", "rejected", "duplicate", "error", "finished_at")
_CLOSED = (
    update(Delivery)
    .where(Delivery.id == bindparam("delivery"), Delivery.state == "received")
    .values({name: bindparam(f"its_{name}") for name in _SUMMED})
)


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
    if not drops:
        return []
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
    found = known(connection, {drop.claim: drop.file for drop in drops})
    return [found[drop.claim] for drop in drops]


def known(connection: Connection, claims: Mapping[str, Path]) -> dict[str, Entry]:
    """Read the entries there are of these claims; each is given with where its file lies."""
    return {
        row.claim: Entry(
            row.id,
            Drop(claims[row.claim], row.path, row.claim, row.source, row.size, row.sha256),
            row.state,
            row.attempts,
            row.position,
            row.received_at,
        )
        for row in connection.execute(_KNOWN, {"claims": list(claims)})
    }


def count_attempt(connection: Connection, entries: Sequence[Entry]) -> None:
    """Note that these files are about to be worked on, in case the worker does not live to say how it went."""
    if entries:
        connection.execute(_TRIED, {"ids": [entry.id for entry in entries], "now": datetime.now(UTC)})


def take_back(connection: Connection, entries: Sequence[Entry]) -> None:
    """Uncount an attempt that ended for no fault of these files."""
    here = one_of(Delivery.id, [entry.id for entry in entries]), Delivery.attempts > 0
    connection.execute(update(Delivery).where(*here).values(attempts=Delivery.attempts - 1))


@dataclass(frozen=True, slots=True)
class Advance:
    """How far a file has come, or a part of one: records stored or rejected, and the rejected ones.

    Those as (record, position, reason); `record` counts from the file's first.
    """

    delivery_id: int
    position: int
    rejected: Sequence[tuple[int, str, str]]
    part: int | None = None


def advance(connection: Connection, files: Sequence[Advance]) -> None:
    """Note how far files and parts have come: progress, so their attempts start over."""
    rows = [
        {"delivery_id": file.delivery_id, "record": record, "position": where, "reason": reason}
        for file in files
        for record, where, reason in file.rejected
    ]
    if rows:
        connection.execute(insert_new(connection, Rejection), rows)
    now = datetime.now(UTC)
    reached = [
        {"delivery": file.delivery_id, "reached": file.position, "now": now} for file in files if file.part is None
    ]
    if reached:
        connection.execute(_ADVANCED, reached)
    for file in files:
        if file.part is not None:
            _advance_part(connection, file)


def _advance_part(connection: Connection, file: Advance) -> None:
    here = Part.delivery_id == file.delivery_id, Part.number == file.part, Part.position < file.position
    connection.execute(update(Part).where(*here).values(position=file.position, attempts=1))
    touched = update(Delivery).where(Delivery.id == file.delivery_id).values(touched_at=datetime.now(UTC))
    connection.execute(touched)


def close(connection: Connection, errors: Mapping[int, str | None]) -> None:
    """Add up files' records and close them: `done`, or `failed` with the reason given or found.

    `errors` has each file's id, and its error if it had one. Counted from what is stored, not from what this process
    remembers: a crash in between changes nothing.
    """
    ids = sorted(errors)
    sums = connection.execute(_SUMS, {"ids": ids}).all()
    why = {i: error for i, error in errors.items() if error is not None}
    barren = [i for i, received, _, rejected in sums if i not in why and received == rejected]
    why |= {i: f"no article in it: {reason}" for i, reason in _first_reasons(connection, barren).items()}
    why = dict.fromkeys(barren, "no article in it") | why
    now = datetime.now(UTC)
    rows = [
        {
            "delivery": i,
            "its_state": "failed" if i in why else "done",
            "its_received": received,
            "its_new": new,
            "its_rejected": rejected,
            "its_duplicate": received - new - rejected,
            "its_error": why.get(i),
            "its_finished_at": now,
        }
        for i, received, new, rejected in sums
    ]
    connection.execute(_CLOSED, rows)


def entry_rows(connection: Connection, ids: Sequence[int]) -> dict[int, Row[*tuple[Any, ...]]]:
    """Read files' rows."""
    return {row.id: row for row in connection.execute(_ROWS, {"ids": ids})}


def _first_reasons(connection: Connection, ids: Sequence[int]) -> dict[int, str]:
    ordered = connection.execute(_REASONS, {"ids": ids}) if ids else ()
    return {row.delivery_id: row.reason for row in ordered}
