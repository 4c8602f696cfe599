"""The stories of a connected component, written anew: the pure grouping, the public ids, and what is withdrawn."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from models.dialect import one_of
from models.tables import Article, Story, StoryRedirect, Text
from worker.core import group, match
from worker.core.evidence import compare
from worker.core.normalise import agency
from worker.known import AnyRow, Known, load, load_words

WITHDRAWN_WITH = {match.Relation.EXACT, match.Relation.NEAR, match.Relation.SYNDICATED}
"""A killed item takes with it what carries its text, not what only quotes it."""


def regroup(connection: Connection, members: Sequence[int], edges: Mapping[tuple[int, int], AnyRow]) -> None:
    """Fold these texts, connected by these matches and by no others, into stories. The caller holds their locks."""
    known = load(connection, members)
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
    texts_by_digest = {text.digest: text for text in known.values()}
    _write_stories(connection, stories, texts_by_digest, overlap, _withdrawn(connection, texts_by_digest, matches))


def _write_stories(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, Known],
    overlap: Mapping[frozenset[bytes], tuple[float, float]],
    withdrawn: Collection[bytes],
) -> None:
    held = sorted({text.story[0] for text in texts.values() if text.story[0] is not None})
    rows = connection.execute(select(Story.id, Story.canonical_text_id).where(one_of(connection, Story.id, held)))
    canonical_of = {row.id: row.canonical_text_id for row in rows}
    public = _public_ids(connection, stories, texts, canonical_of)
    places = {}
    for story, story_id in zip(stories, public, strict=True):
        places[story.canonical] = (story_id, "canonical", 1.0, 1.0, story.canonical in withdrawn)
        far = [m.digest for m in story.members if frozenset((m.digest, story.canonical)) not in overlap]
        measured = _measure(connection, texts, story.canonical, far)
        for member in story.members:
            pair = frozenset((member.digest, story.canonical))
            shared = overlap.get(pair) or measured[member.digest]
            places[member.digest] = (story_id, str(member.relation), *shared, member.digest in withdrawn)
    names = ("story_id", "relation", "jaccard", "containment", "withdrawn")
    changed = [
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
    for old in sorted(set(held) - set(public)):
        if canonical_of[old] in now_in:
            _redirect(connection, old, now_in[canonical_of[old]])


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


def _measure(
    connection: Connection, texts: Mapping[bytes, Known], canonical: bytes, far: Sequence[bytes]
) -> dict[bytes, tuple[float, float]]:
    """Jaccard and containment to the canonical of members that belong through another member."""
    if not far:
        return {}
    words = load_words(connection, [texts[digest].id for digest in (canonical, *far)])
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
    texts: Mapping[bytes, Known],
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
