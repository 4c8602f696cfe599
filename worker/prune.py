"""Take what is old out of the index, so that nothing new is matched to it, or out of the database altogether.

An article is old when it came out before the cut; one without a plausible date, when it was received before. All in
short transactions, beside running workers (the first also enters the postings that wait in runs); whatever was left
undone by a crash is done by the next call.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Connection,
    Engine,
    Row,
    Select,
    and_,
    delete,
    exists,
    func,
    or_,
    select,
    update,
)

from models.dialect import lock_links, lock_store, one_of, same_item, update_rows
from models.engine import look, transact
from models.tables import UNLINKED, Article, Body, Delivery, StockLine, Story, StoryChange, StoryRedirect, Text
from worker import filters, postings
from worker.core import cells
from worker.core.article import came_out
from worker.core.fingerprint import DEFAULT_SEED, index_keys
from worker.core.runs import Posting, Postings, chosen, last_of, of_rows
from worker.entered import BEFORE_ALL, LAST_KEY, entered, through
from worker.known import component, load, load_words, lock
from worker.pipeline import Pipeline, prepare
from worker.rebuild import article_of
from worker.regroup import regroup
from worker.store import stored_words

SLICE = 50_000
"""Postings looked at in a transaction."""
BATCH = 128
"""Articles deleted in a transaction: everybody who stores or links waits so long."""

DATED = 1 << cells.MIXED
"""The first place of what has a date."""

AnyRow = Row[*tuple[Any, ...]]
Progress = Callable[[str, int], object]
"""Hears which step goes on, and how much more of it is done."""


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was taken out."""

    postings: int = 0
    """Of the index: keys of texts."""
    articles: int = 0
    texts: int = 0
    stories: int = 0

    def __add__(self, other: "Pruned") -> "Pruned":
        return Pruned(*(one + two for one, two in zip(astuple(self), astuple(other), strict=True)))


def forget_before(engine: Engine, cut: datetime, progress: Progress) -> Pruned:
    """Take the texts that came out before the day of `cut` out of the index. They stay stored, and in their stories.

    One that came out again since stays where it came out last. One without a date goes when nothing of it was received
    since.
    """
    last: Posting | None = BEFORE_ALL
    pruned = Pruned()
    while last is not None:
        last, gone = transact(engine, partial(_forget_slice, after=last, cut=cut))
        pruned += Pruned(postings=gone)
        progress("keys", SLICE)
    _refresh(engine, progress)
    return pruned


def delete_before(pipe: Pipeline, cut: datetime, progress: Progress) -> Pruned:
    """Delete the articles that came out before `cut`, and the texts and stories that nothing is left of.

    Stories that lose their canonical text elect another, and keep their ids. The ledger keeps its counts. Files that
    are being worked on are left alone, and killed items with their kills as long as any copy of theirs is there.
    """
    pruned = Pruned()
    for ids in _old(pipe.engine, cut):
        gone, changed = transact(pipe.engine, partial(_delete, ids=ids, cut=cut))
        pipe.link(changed)
        pruned += gone
        progress("articles", len(ids))
    pipe.relink(look(pipe.engine, _left_unlinked))  # by a call that was cut short
    _refresh(pipe.engine, progress)
    return pruned


def count_before(engine: Engine, cut: datetime, *, deleting: bool) -> Pruned:
    """Count what the one or the other would take out at the most, changing nothing."""
    if not deleting:
        return Pruned(postings=look(engine, partial(_count_forgotten, cut=cut)))
    doomed: dict[int, int] = {}
    articles = 0
    for ids in _old(engine, cut):
        old = look(engine, partial(_deletable, column=Article.id, ids=ids, cut=cut))
        articles += len(old)
        for row in old:
            doomed[row.text_id] = doomed.get(row.text_id, 0) + 1
    texts = look(engine, partial(_whole, column=Article.text_id, counts=doomed))
    emptied: dict[int, int] = {}
    for story in look(engine, partial(_stories_of, text_ids=texts)):
        emptied[story] = emptied.get(story, 0) + 1
    stories = look(engine, partial(_whole, column=Text.story_id, counts=emptied))
    return Pruned(articles=articles, texts=len(texts), stories=len(stories))


# --- the index ----------------------------------------------------------------------------------------------------


def _refresh(engine: Engine, progress: Progress) -> None:
    """Keys that nobody has any more are not looked for."""
    for seen in filters.refresh(engine):
        progress("keys", seen)


def _forget_slice(connection: Connection, after: Posting, cut: datetime) -> tuple[Posting | None, int]:
    """Delete from the next postings; return the last of them, None if there are no more, and how many went."""
    lock_store(connection, alone=True)  # or some runs might be somebody else's, and left out
    if after == BEFORE_ALL:  # not each time: beside workers something always waits, and is written to filters
        postings.settle(connection)
    index = entered(connection)
    found = index.after(connection, after, LAST_KEY, SLICE)
    if not len(found.keys):
        return None, 0
    return last_of(found), index.delete(connection, chosen(found, _forgotten(connection, found, cut)))


def _forgotten(connection: Connection, found: Postings, cut: datetime) -> NDArray[np.bool_]:
    """Which of these postings are of what is old."""
    undated = found.places < DATED
    texts = np.unique(found.texts[undated]).tolist()
    query = select(Article.text_id).where(one_of(Article.text_id, texts), Article.received_at >= cut)
    since = list(connection.scalars(query)) if texts else []
    return np.where(undated, ~np.isin(found.texts, since), found.places < _day(cut))


def _count_forgotten(connection: Connection, cut: datetime) -> int:
    count = sum(int(_forgotten(connection, run, cut).sum()) for run in postings.recent(connection))
    return count + sum(int(_forgotten(connection, found, cut).sum()) for found in through(connection, SLICE))


def _day(cut: datetime) -> int:
    """The first place of its day."""
    return cells.place(cut, b"", DEFAULT_SEED) >> cells.MIXED << cells.MIXED


# --- articles -----------------------------------------------------------------------------------------------------


def _old(engine: Engine, cut: datetime) -> Iterator[list[int]]:
    """Yield the ids of articles that may be old, in groups, in the order of their index."""
    published, received = Article.published_at, Article.received_at
    for where in (
        published < cut,
        and_(published.is_(None), received < cut),
        and_(published > func.current_timestamp(), received < cut),  # which cannot be
    ):
        last: AnyRow | None = None
        while rows := look(engine, partial(_rows, query=_next(where, last))):
            last = rows[-1]
            yield [row.id for row in rows]


def _next(where: ColumnElement[bool], last: AnyRow | None) -> Select[int, datetime | None]:
    query = (
        select(Article.id, Article.published_at).where(where).order_by(Article.published_at, Article.id).limit(BATCH)
    )
    if last is None:
        return query
    if last.published_at is None:
        return query.where(Article.id > last.id)
    later = and_(Article.published_at == last.published_at, Article.id > last.id)
    return query.where(or_(Article.published_at > last.published_at, later))


def _rows(connection: Connection, query: Select[int, datetime | None]) -> Sequence[Any]:
    return connection.execute(query).all()


def _deletable(connection: Connection, column: Any, ids: Sequence[int], cut: datetime) -> list[AnyRow]:
    """The articles with these ids, or of these texts, that are old. Not of a file that is being worked on: its records
    are still to be counted.

    SQLite gives the number of its newest row out again once that is gone, so there the newest article and text stay.
    """
    columns = Article.id, Article.text_id, Article.item, Article.status
    times = Article.published_at, Article.received_at, Article.embargoed_until
    query = (
        select(*columns, *times)
        .join(Delivery, Delivery.id == Article.delivery_id)
        .where(one_of(column, ids), Delivery.state != "received")
    )
    if connection.dialect.name == "sqlite":
        newest = select(func.max(Article.id)).scalar_subquery(), select(func.max(Text.id)).scalar_subquery()
        query = query.where(Article.id < newest[0], Article.text_id < newest[1])
    return [row for row in connection.execute(query.order_by(Article.id)) if _is_old(row, cut)]


def _is_old(row: AnyRow, cut: datetime) -> bool:
    time = came_out(row.published_at, row.received_at, row.embargoed_until)
    return bool((time or row.received_at) < cut)


def _delete(connection: Connection, ids: Sequence[int], cut: datetime) -> tuple[Pruned, list[int]]:
    """Delete those of these articles that are old, with all that is old of what they are connected to.

    So that stories change once, and an id does not go to a part that will be gone as well. Returns the texts that are
    to be linked again.
    """
    lock_links(connection, alone=True)
    lock_store(connection, alone=True)
    found = _deletable(connection, Article.id, ids, cut)
    members, edges = component(connection, {row.text_id for row in found})
    old = _deletable(connection, Article.text_id, sorted(members), cut)
    old = _spare_kills(connection, old, members, edges)
    if not old:
        return Pruned(), []
    touched = sorted({row.text_id for row in old})
    before = load(connection, touched)
    connection.execute(delete(Article).where(one_of(Article.id, [row.id for row in old])))
    seen = set(connection.scalars(select(Article.text_id).where(one_of(Article.text_id, touched))))
    doomed = [text for text in touched if text not in seen]
    after = load(connection, seen)
    posted = []
    for text, (words, _) in load_words(connection, touched).items():
        places = before[text].places - (after[text].places if text in seen else frozenset())
        posted += [(key, place, text) for key in index_keys(words).tolist() for place in places]
    if postings.wait(connection, touched):
        postings.settle(connection)
    gone = entered(connection).delete(connection, of_rows(posted))
    stories = _stories_of(connection, doomed)
    connection.execute(delete(Text).where(one_of(Text.id, doomed)))  # and with them their matches
    changed = sorted(seen)
    _change(connection, {text: after[text].article_id for text in changed})
    members -= set(doomed)
    _, edges = component(connection, members)
    regroup(connection, load(connection, members), lock(connection, members), edges, gone=doomed)
    return Pruned(gone, len(old), len(doomed), _drop_emptied(connection, stories)), changed


def _left_unlinked(connection: Connection) -> list[int]:
    """The texts that wait for their links and belong to no file that is being worked on."""
    file = exists().where(Article.text_id == Text.id, Delivery.id == Article.delivery_id, Delivery.state == "received")
    return list(connection.scalars(select(Text.id).where(UNLINKED, ~file).order_by(Text.id)))


def _spare_kills(
    connection: Connection, old: list[AnyRow], members: Collection[int], edges: Collection[tuple[int, int]]
) -> list[AnyRow]:
    """Leave what withdraws something that stays: a killed item must not come back because its kill was too old."""
    withdrawn = select(Text.id).where(one_of(Text.id, sorted(members)), Text.withdrawn)
    killed = set(connection.scalars(withdrawn))
    if not killed:
        return old
    notices = [row.text_id for row in old if row.status == "cancelled"]
    near = {*members, *notices, *(other for _, other in same_item(connection, notices))}
    columns = select(Article.id, Article.text_id, Article.item)
    seen = connection.execute(columns.where(one_of(Article.text_id, sorted(near)))).all()
    while True:
        going = {row.id for row in old}
        left = {row.text_id for row in seen if row.id not in going}
        items = {row.item for row in seen if row.id not in going}
        tied = killed & (left | {text for pair in edges for text in pair if left & set(pair)})
        fewer = [row for row in old if row.text_id not in tied and (row.status != "cancelled" or row.item not in items)]
        if len(fewer) == len(old):
            return old
        old = fewer


def _change(connection: Connection, speaks: dict[int, int]) -> None:
    """What is left of these texts may lead to other decisions: they are told by it alone, and linked again."""
    stock = frozenset(connection.scalars(select(StockLine.key)))
    told = select(Article.__table__, Body.body).join(Body, Body.text_id == Article.text_id)
    words: dict[int, bytes] = {}
    for row in connection.execute(told.where(one_of(Article.text_id, sorted(speaks)))):
        own = stored_words(prepare(article_of(row), None, stock))
        words[row.text_id] = min(own, words.get(row.text_id, own))
    update_rows(connection, Text, ("article_id",), [(article, text) for text, article in speaks.items()])
    update_rows(connection, Body, ("words",), [(own, text) for text, own in words.items()])
    again = {"revision": Text.revision + 1, "linked": False}
    connection.execute(update(Text).where(one_of(Text.id, sorted(speaks))).values(again))


def _drop_emptied(connection: Connection, stories: Collection[int]) -> int:
    """Delete those of these stories that have no text any more, their history, and what leads to them."""
    left = set(connection.scalars(select(Text.story_id).where(one_of(Text.story_id, sorted(set(stories))))))
    there = select(Story.id).where(one_of(Story.id, sorted(set(stories) - left)))
    emptied = list(connection.scalars(there))
    for column in (StoryRedirect.new_id, StoryChange.story_id, Story.id):
        connection.execute(delete(column.class_).where(one_of(column, emptied)))
    return len(emptied)


def _stories_of(connection: Connection, text_ids: Sequence[int]) -> list[int]:
    """The story of each of these texts that has one."""
    column = select(Text.story_id).where(one_of(Text.id, text_ids), Text.story_id.is_not(None))
    return [story for story in connection.scalars(column) if story is not None]


def _whole(connection: Connection, column: Any, counts: dict[int, int]) -> list[int]:
    """Those of these texts (or stories) that have no more articles (or texts) than counted here."""
    counted = select(column, func.count()).where(one_of(column, sorted(counts))).group_by(column)
    return [row[0] for row in connection.execute(counted) if row[1] == counts[row[0]]]
