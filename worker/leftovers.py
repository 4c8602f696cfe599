"""Texts that were stored and not linked, because their worker died in between: found, counted, and at last given up."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, delete, exists, func, select, update

from models.dialect import insert_new, one_of
from models.tables import UNLINKED, Article, Delivery, LinkAttempt, Text
from worker.ledger import ATTEMPTS


def unlinked(connection: Connection, delivery_ids: Sequence[int]) -> list[int]:
    """The texts of these files that wait for their links and are not given up."""
    left = select(Text.id).join(Article, Article.text_id == Text.id).distinct()
    mine = one_of(Article.delivery_id, delivery_ids)
    return list(connection.scalars(left.where(mine, waiting()).order_by(Text.id)))


def forgotten(connection: Connection, before: datetime, most: int) -> list[int]:
    """Texts, at most so many, that wait for their links though nobody has touched their files since `before`."""
    left = (
        select(Text.id)
        .join(Article, Article.text_id == Text.id)
        .join(Delivery, Delivery.id == Article.delivery_id)
        .where(waiting())
        .group_by(Text.id)
        .having(func.max(Delivery.touched_at) < before)
        .order_by(Text.id)
        .limit(most)
    )
    return list(connection.scalars(left))


def waiting() -> ColumnElement[bool]:
    """The condition that a text waits for its links and is not given up."""
    given = exists().where(LinkAttempt.text_id == Text.id, LinkAttempt.attempts >= ATTEMPTS).correlate(Text)
    return UNLINKED & ~given


def stuck(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, int]:
    """How many texts of these files could not be linked when that was tried again; files without any are left out."""
    mine = one_of(Article.delivery_id, delivery_ids)
    left = select(Article.delivery_id, func.count(Text.id.distinct())).join(Text, Text.id == Article.text_id)
    held = left.join(LinkAttempt, LinkAttempt.text_id == Text.id).where(mine, UNLINKED)
    return {row[0]: row[1] for row in connection.execute(held.group_by(Article.delivery_id))}


def tried(connection: Connection, text_ids: Sequence[int]) -> dict[int, int]:
    """How often linking was tried again of those of these texts that still wait for it."""
    times = func.coalesce(LinkAttempt.attempts, 0)
    left = select(Text.id, times).outerjoin(LinkAttempt, LinkAttempt.text_id == Text.id)
    mine = left.where(one_of(Text.id, text_ids), waiting())
    return {row[0]: row[1] for row in connection.execute(mine.order_by(Text.id))}


def count(connection: Connection, text_ids: Sequence[int]) -> None:
    """Note that these texts are about to be linked again."""
    if text_ids:
        rows = [{"text_id": text, "attempts": 0} for text in sorted(text_ids)]
        connection.execute(insert_new(connection, LinkAttempt), rows)
        here = one_of(LinkAttempt.text_id, text_ids)
        connection.execute(update(LinkAttempt).where(here).values(attempts=LinkAttempt.attempts + 1))


def forget(connection: Connection, text_ids: Sequence[int]) -> None:
    """Forget the attempts at texts that are linked."""
    connection.execute(delete(LinkAttempt).where(one_of(LinkAttempt.text_id, text_ids)))
