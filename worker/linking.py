"""Transaction two: candidates, exact verification, matches, and the stories regrouped.

Gather (reads only), decide (pure, `worker.core`), apply (one transaction). Between reading and writing another worker
may have added an appearance to one of the texts; `revision` tells, and the round starts over.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, Row, String, bindparam, cast, delete, func, insert, or_, select, update
from sqlalchemy.orm import aliased

from models.dialect import one_of
from models.engine import reading, transact
from models.tables import Article, Match, Story, StoryRedirect, Text, TextKey
from worker.core import group, match
from worker.core.article import EPOCH, plausible
from worker.core.candidates import propose, share_passage
from worker.core.evidence import Evidence, compare
from worker.core.fingerprint import index_keys
from worker.core.normalise import agency

AnyRow = Row[*tuple[Any, ...]]


class _GroundMovedError(Exception):
    """A text changed between reading and writing; read again."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What linking reads of a text."""

    id: int
    digest: bytes
    headline_words: int
    revision: int
    article_id: int
    profile: match.Profile
    updated: int
    """When its earliest version was made, POSIX seconds: tells versions of one item apart that share a first
    publication."""
    story: tuple[int | None, str | None, float | None, float | None]
    """Where it stands: story, relation, Jaccard and containment."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was read and decided, to be applied if it still holds."""

    targets: list[int]
    texts: Mapping[int, _Known]
    compared: set[tuple[int, int]]
    matches: Mapping[tuple[int, int], tuple[Evidence, match.Decision]]
    component: set[int]


def link(engine: Engine, text_ids: Sequence[int], index_version: int) -> None:
    """Match texts against everything stored and regroup the stories they touch. Idempotent."""
    if not text_ids:
        return
    while True:
        with reading(engine) as connection:
            plan = _gather(connection, sorted(text_ids))
        try:
            transact(engine, partial(_apply, plan=plan, index_version=index_version))
        except _GroundMovedError:
            continue
        return


# --- gather -------------------------------------------------------------------------------------------------------


def _gather(connection: Connection, targets: list[int]) -> _Plan:
    words = _load_words(connection, targets)
    proposed = _candidate_pairs(connection, words)
    words |= _load_words(connection, sorted({text for pair in proposed for text in pair} - words.keys()))
    compared = _passing(proposed, words, set(targets))
    texts = _load(connection, sorted({text for pair in compared for text in pair} | set(targets)))
    matches = {}
    for a, b in sorted(compared):
        one, two = texts[a], texts[b]
        evidence = compare(words[a], one.headline_words, words[b], two.headline_words)
        decision = match.decide(evidence, one.profile, two.profile)
        if decision.relation is not None:
            matches[a, b] = (evidence, decision)
    near = {text for pair in matches for text in pair} | set(targets)
    component, _ = _component(connection, near)
    return _Plan(targets, texts, compared, matches, component)


def _passing(
    proposed: Iterable[tuple[int, int]], words: Mapping[int, NDArray[np.uint32]], targets: Collection[int]
) -> set[tuple[int, int]]:
    """The proposed pairs that share a passage."""
    by_target = defaultdict(list)
    for a, b in proposed:
        target, other = (a, b) if a in targets else (b, a)
        by_target[target].append(other)
    return {
        (min(target, other), max(target, other))
        for target, others in by_target.items()
        for other, shares in zip(others, share_passage(words[target], [words[o] for o in others]), strict=True)
        if shares
    }


def _load(connection: Connection, ids: Sequence[int]) -> dict[int, _Known]:
    """Read texts that have an appearance, without their words."""
    appearances = defaultdict(list)
    columns = (
        Article.id, Article.key, Article.text_id, Article.source, Article.item, Article.link,
        Article.credit, Article.published_at, Article.updated_at, Article.received_at,
    )  # fmt: skip
    for row in connection.execute(select(*columns).where(one_of(connection, Article.text_id, ids))):
        appearances[row.text_id].append(row)
    rows = select(
        Text.id, Text.digest, Text.headline_words, Text.revision,
        Text.story_id, Text.relation, Text.jaccard, Text.containment,
    )  # fmt: skip
    return {
        row.id: _Known(
            id=row.id,
            digest=row.digest,
            headline_words=row.headline_words,
            revision=row.revision,
            article_id=min(appearances[row.id], key=_speaks_first).id,
            profile=_profile(appearances[row.id]),
            updated=min(int((seen.updated_at or EPOCH).timestamp()) for seen in appearances[row.id]),
            story=(row.story_id, row.relation, row.jaccard, row.containment),
        )
        for row in connection.execute(rows.where(one_of(connection, Text.id, ids)))
    }


def _load_words(connection: Connection, ids: Sequence[int]) -> dict[int, NDArray[np.uint32]]:
    rows = connection.execute(select(Text.id, Text.words).where(one_of(connection, Text.id, ids)))
    return {row.id: np.frombuffer(row.words, dtype="<u4").astype(np.uint32) for row in rows}


def _published(row: AnyRow) -> float | None:
    time = plausible(row.published_at, row.received_at)
    return None if time is None else time.timestamp()


def _speaks_first(row: AnyRow) -> tuple[bool, float, bool, str, bytes]:
    """Order appearances of one text: plausible time, then those that credit nobody, then source; never arrival."""
    published = _published(row)
    return (published is None, published or 0.0, row.credit is not None, row.source or "", row.key)


def _profile(seen: Sequence[AnyRow]) -> match.Profile:
    """Fold a text's appearances with min and union only: the same whatever order they came in."""
    times = [time for row in seen if (time := _published(row)) is not None]
    return match.Profile(
        published=min(times, default=None),
        sources=frozenset(row.source for row in seen if row.source),
        items=frozenset(identity.hex() for row in seen for identity in (row.item, row.link) if identity),
        credits=frozenset(row.credit for row in seen if row.credit),
    )


def _candidate_pairs(connection: Connection, words: Mapping[int, NDArray[np.uint32]]) -> set[tuple[int, int]]:
    """Pairs (smaller id first) of a target and any other text that share enough index keys, or an item or URL."""
    keys = {text: index_keys(own) for text, own in words.items()}
    wanted = np.unique(np.concatenate(list(keys.values())))
    pairs = propose(keys, *_postings(connection, wanted))
    twin = aliased(Article)
    for mine, same in ((Article.item, twin.item), (Article.link, twin.link)):
        shared = (
            select(Article.text_id, twin.text_id)
            .join(twin, same == mine)
            .where(one_of(connection, Article.text_id, list(words)), twin.text_id != Article.text_id)
            .distinct()
        )
        pairs |= {(min(a, b), max(a, b)) for a, b in connection.execute(shared)}
    return pairs


def _postings(connection: Connection, keys: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read the index: (key, text) rows of those keys that more than one text has, as two arrays.

    One string a key instead of one row a posting: most of the time went into making rows.
    """
    listed = func.aggregate_strings(cast(TextKey.text_id, String), ",")
    query = select(TextKey.key, func.count(), listed).where(one_of(connection, TextKey.key, keys.tolist()))
    found = connection.execute(query.group_by(TextKey.key).having(func.count() > 1)).all()
    texts = (
        np.fromstring(",".join(row[2] for row in found), dtype=np.int64, sep=",") if found else np.empty(0, np.int64)
    )
    return np.repeat(np.array([row[0] for row in found], np.int64), [row[1] for row in found]), texts


def _component(connection: Connection, start: Iterable[int]) -> tuple[set[int], dict[tuple[int, int], AnyRow]]:
    """Everything connected to `start` by stored matches, and those matches."""
    reached: set[int] = set()
    edges: dict[tuple[int, int], AnyRow] = {}
    frontier = set(start)
    while frontier:
        reached |= frontier
        listed = sorted(frontier)
        either = or_(one_of(connection, Match.text_a, listed), one_of(connection, Match.text_b, listed))
        columns = (Match.text_a, Match.text_b, Match.relation, Match.strength, Match.jaccard,
                   Match.containment_a, Match.containment_b)  # fmt: skip
        for row in connection.execute(select(*columns).where(either)):
            edges[row.text_a, row.text_b] = row
        frontier = {text for pair in edges for text in pair} - reached
    return reached, edges


# --- apply --------------------------------------------------------------------------------------------------------


def _apply(connection: Connection, plan: _Plan, index_version: int) -> None:
    _lock(connection, plan)
    _, edges = _component(connection, plan.component)
    _write_matches(connection, plan, edges.keys() & plan.compared, index_version)
    members, edges = _component(connection, plan.component)
    if not members <= plan.component:  # another worker linked something to these texts in the meantime
        raise _GroundMovedError
    rows = [{"id": text, "article_id": plan.texts[text].article_id} for text in plan.targets]
    _update(connection, Text, rows)
    _regroup(connection, sorted(members), edges)
    connection.execute(update(Text).where(one_of(connection, Text.id, plan.targets)).values(linked=True))


def _lock(connection: Connection, plan: _Plan) -> None:
    """Lock every text of the component in id order; start over if one of those read has changed since."""
    ids = sorted(plan.component | plan.texts.keys())
    locked = select(Text.id, Text.revision).where(one_of(connection, Text.id, ids)).order_by(Text.id)
    for row in connection.execute(locked.with_for_update()):
        if row.id in plan.texts and plan.texts[row.id].revision != row.revision:
            raise _GroundMovedError


def _write_matches(
    connection: Connection, plan: _Plan, stored: Collection[tuple[int, int]], index_version: int
) -> None:
    """Replace what is stored of the compared pairs, and of no others: those are another worker's."""
    if stored:
        pair = (Match.text_a == bindparam("a"), Match.text_b == bindparam("b"))
        connection.execute(delete(Match).where(*pair), [{"a": a, "b": b} for a, b in stored])
    rows = [
        {
            "text_a": a,
            "text_b": b,
            "relation": decision.relation,
            "strength": decision.strength,
            "jaccard": evidence.jaccard,
            "containment_a": evidence.containment_a,
            "containment_b": evidence.containment_b,
            "shared_words": evidence.shared_words,
            "longest_passage": evidence.longest_passage,
            "passages": [list(passage) for passage in evidence.passages],
            "reasons": list(decision.reasons),
            "index_version": index_version,
        }
        for (a, b), (evidence, decision) in sorted(plan.matches.items())
    ]
    if rows:
        connection.execute(insert(Match), rows)


def _regroup(connection: Connection, members: list[int], edges: Mapping[tuple[int, int], AnyRow]) -> None:
    known = _load(connection, members)
    texts = [
        group.Text(
            digest=text.digest,
            published=text.profile.published,
            source_rank=text.updated,
            credits=text.profile.credits,
            sources=frozenset(agency(source) or source for source in text.profile.sources),
        )
        for text in known.values()
    ]
    matches = [
        group.Match(
            a=known[a].digest,
            b=known[b].digest,
            relation=match.Relation(edge.relation),
            strength=edge.strength,
            jaccard=edge.jaccard,
            containment_a=edge.containment_a,
            containment_b=edge.containment_b,
        )
        for (a, b), edge in edges.items()
    ]
    stories = group.group(texts, matches)
    overlap = {frozenset((m.a, m.b)): (m.jaccard, m.reach) for m in matches}
    _write_stories(connection, stories, {text.digest: text for text in known.values()}, overlap)


def _write_stories(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, _Known],
    overlap: Mapping[frozenset[bytes], tuple[float, float]],
) -> None:
    held = sorted({text.story[0] for text in texts.values() if text.story[0] is not None})
    rows = connection.execute(select(Story.id, Story.canonical_text_id).where(one_of(connection, Story.id, held)))
    canonical_of = {row.id: row.canonical_text_id for row in rows}
    public = _public_ids(connection, stories, texts, canonical_of)
    places = {}
    for story, story_id in zip(stories, public, strict=True):
        places[story.canonical] = (story_id, "canonical", 1.0, 1.0)
        far = [m.digest for m in story.members if frozenset((m.digest, story.canonical)) not in overlap]
        measured = _measure(connection, texts, story.canonical, far)
        for member in story.members:
            pair = frozenset((member.digest, story.canonical))
            places[member.digest] = (story_id, str(member.relation), *(overlap.get(pair) or measured[member.digest]))
    names = ("story_id", "relation", "jaccard", "containment")
    changed = [
        {"id": texts[digest].id, **dict(zip(names, place, strict=True))}
        for digest, place in sorted(places.items())
        if texts[digest].story != place
    ]
    _update(connection, Text, changed)
    elected = {story_id: texts[story.canonical].id for story, story_id in zip(stories, public, strict=True)}
    moved = [
        {"id": story_id, "canonical_text_id": text_id}
        for story_id, text_id in elected.items()
        if canonical_of.get(story_id, text_id) != text_id
    ]
    _update(connection, Story, moved)
    now_in = {texts[digest].id: place[0] for digest, place in places.items()}
    for old in sorted(set(held) - set(public)):
        if canonical_of[old] in now_in:
            _redirect(connection, old, now_in[canonical_of[old]])


def _measure(
    connection: Connection, texts: Mapping[bytes, _Known], canonical: bytes, far: Sequence[bytes]
) -> dict[bytes, tuple[float, float]]:
    """Jaccard and containment to the canonical of members that belong through another member."""
    if not far:
        return {}
    words = _load_words(connection, [texts[digest].id for digest in (canonical, *far)])
    measured = {}
    one = texts[canonical]
    for digest in far:
        two = texts[digest]
        found = compare(words[one.id], one.headline_words, words[two.id], two.headline_words)
        measured[digest] = (found.jaccard, max(found.containment_a, found.containment_b))
    return measured


def _public_ids(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, _Known],
    canonical_of: Mapping[int, int],
) -> list[int]:
    """Give each story the oldest id its members carried: first to the story that holds that id's canonical.

    An id whose canonical stands elsewhere stays there (only `rebuild` meets that).
    """
    here = {text.id for text in texts.values()}
    carried = [
        sorted({i for digest in story.digests if (i := texts[digest].story[0]) is not None}) for story in stories
    ]
    inside = [{texts[digest].id for digest in story.digests} for story in stories]
    given: dict[int, int] = {}
    for number, ids in enumerate(carried):
        own = [i for i in ids if canonical_of[i] in inside[number]]
        if own:
            given[number] = own[0]
    for number, ids in enumerate(carried):
        free = [i for i in ids if i not in given.values() and canonical_of[i] in here]
        if number not in given and free:
            given[number] = free[0]
    missing = [number for number in range(len(stories)) if number not in given]
    if missing:
        rows = [{"canonical_text_id": texts[stories[number].canonical].id} for number in missing]
        made = connection.scalars(insert(Story).returning(Story.id, sort_by_parameter_order=True), rows)
        given.update(zip(missing, made, strict=True))
    return [given[number] for number in range(len(stories))]


def _update(connection: Connection, table: type[Text | Story], rows: Sequence[dict[str, Any]]) -> None:
    """Update rows by their `id`."""
    if rows:
        values: dict[str, Any] = {name: bindparam(name) for name in rows[0] if name != "id"}
        statement = update(table).where(table.id == bindparam("row")).values(values)
        connection.execute(statement, [{"row": row["id"], **{name: row[name] for name in values}} for row in rows])


def _redirect(connection: Connection, old: int, new: int) -> None:
    """A merged story's id leads to the story its canonical went to, in one step however often that happens."""
    connection.execute(update(StoryRedirect).where(StoryRedirect.new_id == old).values(new_id=new))
    connection.execute(insert(StoryRedirect).values(old_id=old, new_id=new))
    connection.execute(delete(Story).where(Story.id == old))
