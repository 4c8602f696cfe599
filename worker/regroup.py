"""The stories of a connected component, written anew: the pure grouping, the public ids, and what is withdrawn."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from models.dialect import one_of
from models.tables import Article, Story, StoryChange, StoryRedirect, Text
from worker.core import group, match
from worker.core.normalise import agency
from worker.known import AnyRow, Known, load

WITHDRAWN_WITH = {match.Relation.EXACT, match.Relation.NEAR, match.Relation.SYNDICATED}
"""A killed item takes with it what carries its text, not what only quotes it."""


def regroup(
    connection: Connection,
    members: Sequence[int],
    edges: Mapping[tuple[int, int], AnyRow],
    gone: Collection[int] = frozenset(),
) -> None:
    """Fold these texts, connected by these matches and by no others, into stories. The caller holds their locks.

    `gone`: texts that were deleted (`prune`). The ids of the stories they led stay with those that are left.
    """
    known = load(connection, members)
    texts = [
        group.Text(
            digest=text.digest,
            published=text.profile.published,
            source_rank=text.updated,
            words=text.length,
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
    texts_by_digest = {text.digest: text for text in known.values()}
    withdrawn = _withdrawn(connection, texts_by_digest, matches)
    _write_stories(connection, stories, texts_by_digest, overlap, withdrawn, gone)


def _write_stories(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, Known],
    overlap: Mapping[frozenset[bytes], tuple[float, float]],
    withdrawn: Collection[bytes],
    gone: Collection[int],
) -> None:
    held = sorted({text.story[0] for text in texts.values() if text.story[0] is not None})
    rows = connection.execute(select(Story.id, Story.canonical_text_id).where(one_of(Story.id, held)))
    canonical_of = {row.id: row.canonical_text_id for row in rows}
    public = _public_ids(connection, stories, texts, canonical_of, gone)
    known = {text.id: text for text in texts.values()}
    places = {}
    for story, story_id in zip(stories, public, strict=True):
        places[story.canonical] = (story_id, "canonical", 1.0, 1.0, story.canonical in withdrawn)
        for member in story.members:
            shared = overlap[frozenset((member.digest, story.canonical))]
            places[member.digest] = (story_id, str(member.relation), *shared, member.digest in withdrawn)
    names = ("story_id", "relation", "jaccard", "containment", "withdrawn")
    changed: list[dict[str, Any]] = [
        {"id": texts[digest].id, **dict(zip(names, place, strict=True))}
        for digest, place in sorted(places.items())
        if texts[digest].story != place
    ]
    update_rows(connection, Text, changed)
    elected = {story_id: texts[story.canonical].id for story, story_id in zip(stories, public, strict=True)}
    moved = [
        {"id": story_id, "canonical_text_id": text_id}
        for story_id, text_id in elected.items()
        if canonical_of.get(story_id, text_id) != text_id
    ]
    update_rows(connection, Story, moved)
    now_in = {texts[digest].id: place[0] for digest, place in places.items()}
    stood_for = canonical_of | {
        text.story[0]: text.id
        for _, text in sorted(texts.items(), reverse=True)
        if text.story[0] is not None and canonical_of[text.story[0]] in gone
    }
    merged = {old: now_in[stood_for[old]] for old in sorted(set(held) - set(public)) if stood_for[old] in now_in}
    for old, new in merged.items():
        _redirect(connection, old, new)
    speaks = {text.id: text.article_id for text in texts.values()}
    leads = {story_id: speaks[text_id] for story_id, text_id in elected.items()}
    history: list[dict[str, Any]] = [
        {"story_id": new, "change": "merged", "article_id": leads[new], "other_story_id": old}
        for old, new in merged.items()
    ]
    for row in moved:
        before = speaks.get(canonical_of[row["id"]])
        led = {"change": "canonical", "article_id": leads[row["id"]], "previous_article_id": before}
        history.append({"story_id": row["id"], **led})
    for place in changed:
        history += _member_changes(place, known[place["id"]], leads[place["story_id"]])
    _remember(connection, history)


def _member_changes(row: Mapping[str, Any], text: Known, leader: int) -> Iterator[dict[str, Any]]:
    """What a text's new place means to its story's history."""
    _, relation, _, _, withdrawn = text.story
    told = {"story_id": row["story_id"], "article_id": text.article_id}
    if row["relation"] == "revision" != relation:
        yield {**told, "change": "revision", "previous_article_id": leader}
    if row["withdrawn"] != withdrawn:
        yield {**told, "change": "withdrawn" if row["withdrawn"] else "reinstated"}


def _remember(connection: Connection, history: Sequence[Mapping[str, Any]]) -> None:
    empty = {"at": datetime.now(UTC), "previous_article_id": None, "other_story_id": None}
    if history:
        connection.execute(insert(StoryChange), [{**empty, **row} for row in history])


def _withdrawn(connection: Connection, texts: Mapping[bytes, Known], matches: Sequence[group.Match]) -> set[bytes]:
    """The texts whose item was killed, and what carries their text."""
    items = sorted({bytes.fromhex(item) for text in texts.values() for item in text.profile.items})
    killed = {
        item.hex()
        for start in range(0, len(items), 10_000)
        for item in connection.scalars(
            select(Article.item)
            .where(Article.status == "cancelled", Article.item.in_(items[start : start + 10_000]))
            .distinct()
        )
        if item
    }
    if not killed:
        return set()
    gone = {digest for digest, text in texts.items() if text.profile.items & killed}
    ties = [(m.a, m.b) for m in matches if m.relation in WITHDRAWN_WITH and (m.a in gone) != (m.b in gone)]
    return gone | {digest for pair in ties for digest in pair}


def _public_ids(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, Known],
    canonical_of: Mapping[int, int],
    gone: Collection[int],
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
        free = [i for i in ids if i not in given.values() and (canonical_of[i] in here or canonical_of[i] in gone)]
        if number not in given and free:
            given[number] = free[0]
    missing = [number for number in range(len(stories)) if number not in given]
    if missing:
        by_canonical = {texts[stories[number].canonical].id: number for number in missing}
        made = insert(Story).returning(Story.id, Story.canonical_text_id)
        for row in connection.execute(made, [{"canonical_text_id": text_id} for text_id in by_canonical]):
            given[by_canonical[row.canonical_text_id]] = row.id
    return [given[number] for number in range(len(stories))]


def update_rows(connection: Connection, table: type[Text | Story], rows: Sequence[dict[str, Any]]) -> None:
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
