"""Re-index and regroup everything from the stored texts: after an upgrade that changes fingerprints or decisions.

Public story ids survive where their stories do. Nothing is read from the files. Stop the workers first.
"""

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial

import numpy as np
from sqlalchemy import Connection, Engine, bindparam, delete, exists, func, insert, select, update

from models.dialect import lock_store
from models.engine import reading, transact
from models.tables import Article as ArticleRow
from models.tables import (
    Body,
    HalvedCell,
    IndexVersion,
    LinkAttempt,
    Match,
    PostingRun,
    StockLine,
    Story,
    Text,
)
from worker import filters, linking, searching, store
from worker.core.article import Article
from worker.core.boilerplate import line_keys, recurring
from worker.core.fingerprint import index_name
from worker.entered import entered
from worker.pipeline import CHUNK, prepare

UNFINISHED = "a rebuild that was not finished"


def rebuild(engine: Engine, progress: Callable[[str, int, int], object], window: int | None = None) -> None:
    """Do it all; `progress(step, done, total)` hears how far it is. Run again after a crash, it starts over."""
    with reading(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(ArticleRow)) or 0
    with reading(engine) as connection:
        stock = _learn(connection)
    transact(engine, partial(_forget, stock=stock))
    last = done = 0
    while True:
        last, count = transact(engine, partial(_reindex, after=last, stock=stock))
        done += count
        progress("index", done, total)
        if not count:
            break
    version = transact(engine, partial(_finish_index, stock=stock, window=window))
    _relink(engine, version, window, progress)


def _learn(connection: Connection) -> frozenset[int]:
    """Find the lines that sources repeat under unrelated stories. 16 bytes a line in memory."""
    keys: list[int] = []
    stories: list[int] = []
    told = func.coalesce(ArticleRow.text, Body.body)
    query = (
        select(ArticleRow.source, told, Text.story_id)
        .join(Text, Text.id == ArticleRow.text_id)
        .join(Body, Body.text_id == Text.id)
    )
    linked = query.where(ArticleRow.source.is_not(None), Text.story_id.is_not(None))
    for source, text, story_id in connection.execute(linked.execution_options(yield_per=CHUNK)):
        found = set(line_keys(str(source), str(text)))
        keys += found
        stories += [int(story_id or 0)] * len(found)
    stock = recurring(np.array(keys, np.uint64), np.array(stories, np.int64))
    return frozenset(stock.tolist())


def _forget(connection: Connection, stock: Collection[int]) -> None:
    lock_store(connection, alone=True)
    entered(connection).clear(connection)
    for table in (Match, PostingRun, HalvedCell, StockLine, IndexVersion, LinkAttempt):
        connection.execute(delete(table))
    filters.forget(connection)
    # Until the index is whole again nobody may link by it: what is not there yet would never be found.
    connection.execute(insert(IndexVersion).values(name=UNFINISHED, created_at=datetime.now(UTC)))
    if stock:
        connection.execute(insert(StockLine), [{"key": key} for key in sorted(stock)])
    connection.execute(update(Text).values(linked=False))


def _reindex(connection: Connection, after: int, stock: Collection[int]) -> tuple[int, int]:
    """Prepare the next articles anew and put them under the texts they now are."""
    lock_store(connection, alone=True)  # of a second rebuild, and of `prune`
    query = (
        select(ArticleRow.__table__, Body.body, Text.story_id, Text.relation)
        .join(Text, Text.id == ArticleRow.text_id)
        .join(Body, Body.text_id == Text.id)
        .where(ArticleRow.id > after)
        .order_by(ArticleRow.id)
        .limit(CHUNK)
    )
    rows = connection.execute(query).all()
    if not rows:
        return after, 0
    batch = [store.Incoming(prepare(article_of(row), None, stock), row.delivery_id, row.received_at) for row in rows]
    stored = store.add_texts(connection, batch)
    store.post(connection, batch, stored)
    texts = stored.ids
    moved = []
    for row, one in zip(rows, batch, strict=True):
        text_id = texts[one.prepared.fingerprint.digest]
        if text_id != row.text_id:
            place = {"story_id": row.story_id, "relation": row.relation}
            connection.execute(update(Text).where(Text.id == text_id, Text.story_id.is_(None)).values(place))
            connection.execute(
                update(Story).where(Story.canonical_text_id == row.text_id).values(canonical_text_id=text_id)
            )
            moved.append({"article": row.id, "owner": text_id, "raw": row.text or row.body})
    if moved:
        statement = update(ArticleRow).where(ArticleRow.id == bindparam("article"))
        connection.execute(statement.values(text_id=bindparam("owner"), text=bindparam("raw")), moved)
    return rows[-1].id, len(rows)


def article_of(row: object) -> Article:
    """The article of a row of `articles` with its text's `body`."""
    fields = {name: getattr(row, name) for name in Article._fields if name not in ("text", "metadata")}
    return Article(**fields, text=row.text if row.text is not None else row.body)  # type: ignore[attr-defined]


def _finish_index(connection: Connection, stock: Collection[int], window: int | None) -> int:
    connection.execute(delete(Text).where(~exists().where(ArticleRow.text_id == Text.id)))
    connection.execute(delete(IndexVersion))
    entry = {"name": index_name(stock, window), "created_at": datetime.now(UTC)}
    return connection.execute(insert(IndexVersion).values(entry).returning(IndexVersion.id)).scalar_one()


def _relink(engine: Engine, version: int, window: int | None, progress: Callable[[str, int, int], object]) -> None:
    with reading(engine) as connection:
        ids = list(connection.scalars(select(Text.id).order_by(Text.id)))
    for start in range(0, len(ids), CHUNK):
        linking.link(engine, ids[start : start + CHUNK], version, window)
        progress("link", min(start + CHUNK, len(ids)), len(ids))
    searching.fill(engine)
