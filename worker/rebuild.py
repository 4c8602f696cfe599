"""Re-index and regroup everything from the stored texts: after an upgrade that changes fingerprints or decisions.

Public story ids survive where their stories do. Nothing is read from the files. Stop the workers first.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, Engine, bindparam, delete, exists, func, select, update

from models.dialect import insert_new
from models.engine import reading, transact
from models.tables import Article as ArticleRow
from models.tables import IndexVersion, Match, Story, Text, TextKey
from worker import linking, store
from worker.core.article import Article
from worker.core.fingerprint import INDEX_VERSION
from worker.pipeline import CHUNK, prepare


def rebuild(engine: Engine, progress: Callable[[str, int, int], object]) -> None:
    """Do it all; `progress(step, done, total)` hears how far it is. Run again after a crash, it starts over."""
    with reading(engine) as connection:
        total = connection.scalar(select(func.count()).select_from(ArticleRow)) or 0
    transact(engine, _forget)
    last = done = 0
    while True:
        last, count = transact(engine, partial(_reindex, after=last))
        done += count
        progress("index", done, total)
        if not count:
            break
    version = transact(engine, _finish_index)
    _relink(engine, version, progress)


def _forget(connection: Connection) -> None:
    for table in (Match, TextKey):
        connection.execute(delete(table))
    connection.execute(update(Text).values(linked=False))


def _reindex(connection: Connection, after: int) -> tuple[int, int]:
    """Prepare the next articles anew and put them under the texts they now are."""
    query = (
        select(ArticleRow.__table__, Text.body, Text.story_id, Text.relation)
        .join(Text, Text.id == ArticleRow.text_id)
        .where(ArticleRow.id > after)
        .order_by(ArticleRow.id)
        .limit(CHUNK)
    )
    rows = connection.execute(query).all()
    if not rows:
        return after, 0
    prepared = [prepare(_article(row), None) for row in rows]
    texts = store.add_texts(connection, prepared)
    moved = []
    for row, one in zip(rows, prepared, strict=True):
        text_id = texts[one.fingerprint.digest]
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


def _article(row: object) -> Article:
    fields = {name: getattr(row, name) for name in Article.__slots__ if name not in ("text", "metadata")}
    return Article(**fields, text=row.text if row.text is not None else row.body)  # type: ignore[attr-defined]


def _finish_index(connection: Connection) -> int:
    connection.execute(delete(Text).where(~exists().where(ArticleRow.text_id == Text.id)))
    entry = {"name": INDEX_VERSION, "created_at": datetime.now(UTC)}
    connection.execute(insert_new(connection, IndexVersion), entry)
    version = connection.scalar(select(IndexVersion.id).where(IndexVersion.name == INDEX_VERSION))
    assert version is not None  # noqa: S101 - inserted above
    return version


def _relink(engine: Engine, version: int, progress: Callable[[str, int, int], object]) -> None:
    with reading(engine) as connection:
        ids = list(connection.scalars(select(Text.id).order_by(Text.id)))
    for start in range(0, len(ids), CHUNK):
        linking.link(engine, ids[start : start + CHUNK], version)
        progress("link", min(start + CHUNK, len(ids)), len(ids))
