"""The stories of a connected component, written anew: the pure grouping, the public ids, and what is withdrawn."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, delete, insert, select, update

from models.dialect import insert_missing, killed_items, one_of, update_rows
from models.tables import Story, StoryChange, StoryRedirect, Text
from worker.core import group, match
from worker.core.normalise import agency
from worker.known import Edge, Known, Place, Standing

WITHDRAWN_WITH = {match.Relation.EXACT, match.Relation.NEAR, match.Relation.SYNDICATED}
"""A killed item takes with it what carries its text, not what only quotes it."""

NewPlace = tuple[int, str, float, float, bool]
"""A `Place` that is one."""

_RELATIONS: Final[dict[str, match.Relation]] = {str(relation): relation for relation in match.Relation}
"""To look one up takes a tenth of what making one from its name does."""
_CANONICAL = select(Story.id, Story.canonical_text_id).where(one_of(Story.id, "ids"))
_PLACE = ("story_id", "relation", "jaccard", "containment", "withdrawn")


class Placed(NamedTuple):
    """A text, and where it stood before."""

    known: Known
    place: Place

    @property
    def id(self) -> int:
        """The text's."""
        return self.known.id

    @property
    def story(self) -> int | None:
        """The story it stood in."""
        return self.place[0]


def regroup(
    connection: Connection,
    known: Mapping[int, Known],
    standing: Mapping[int, Standing],
    edges: Mapping[tuple[int, int], Edge],
    *,
    gone: Collection[int] = frozenset(),
    linked: Collection[int] = (),
) -> None:
    """Fold these texts, connected by these matches and by no others, into stories. The caller holds their locks.

    `gone`: texts that were deleted (`prune`). The ids of the stories they led stay with those that are left.
    `linked`: texts whose links are all there from here on.
    """
    tied = {text for pair in edges for text in pair}
    names = {source: agency(source) or source for text in known.values() for source in text.profile.sources}
    texts = [
        group.Text(
            digest=text.digest,
            published=text.profile.published,
            source_rank=text.updated,
            words=text.length,
            credits=text.profile.credits,
            sources=frozenset(map(names.__getitem__, text.profile.sources)),
        )
        for text in known.values()
        if text.id in tied
    ]
    matches = [
        group.Match(
            known[a].digest, known[b].digest, _RELATIONS[edge.relation],
            edge.jaccard, edge.containment_a, edge.containment_b, edge.strength,
        )
        for (a, b), edge in edges.items()
    ]  # fmt: skip
    alone = (group.Story(text.digest) for text in known.values() if text.id not in tied)
    stories = sorted([*group.group(texts, matches), *alone], key=lambda story: story.canonical)
    placed = {text.digest: Placed(text, standing[text.id].place) for text in known.values()}
    withdrawn = _withdrawn(connection, placed, matches)
    _write_stories(connection, stories, placed, withdrawn, gone, frozenset(linked))


def _write_stories(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, Placed],
    withdrawn: Collection[bytes],
    gone: Collection[int],
    linked: Collection[int],
) -> None:
    held = sorted({text.story for text in texts.values() if text.story is not None})
    rows = connection.execute(_CANONICAL, {"ids": held}) if held else ()
    canonical_of = {row.id: row.canonical_text_id for row in rows}
    public = _public_ids(connection, stories, texts, canonical_of, gone)
    places: dict[bytes, NewPlace] = {}
    for story, story_id in zip(stories, public, strict=True):
        places[story.canonical] = (story_id, "canonical", 1.0, 1.0, story.canonical in withdrawn)
        for member in story.members:
            gone_too = member.digest in withdrawn
            places[member.digest] = (story_id, str(member.relation), member.jaccard, member.reach, gone_too)
    _write_places(connection, texts, places, linked)
    elected = {story_id: texts[story.canonical].id for story, story_id in zip(stories, public, strict=True)}
    moved = [
        {"id": story_id, "canonical_text_id": text_id}
        for story_id, text_id in elected.items()
        if canonical_of.get(story_id, text_id) != text_id
    ]
    update_rows(connection, Story, ("canonical_text_id",), [(row["canonical_text_id"], row["id"]) for row in moved])
    now_in = {texts[digest].id: place[0] for digest, place in places.items()}
    stood_for = canonical_of | {
        text.story: text.id
        for _, text in sorted(texts.items(), reverse=True)
        if text.story is not None and canonical_of[text.story] in gone
    }
    merged = {old: now_in[stood_for[old]] for old in sorted(set(held) - set(public)) if stood_for[old] in now_in}
    for old, new in merged.items():
        _redirect(connection, old, new)
    speaks = {text.id: text.known.article_id for text in texts.values()}
    leads = {story_id: speaks[text_id] for story_id, text_id in elected.items()}
    history: list[dict[str, Any]] = [
        {"story_id": new, "change": "merged", "article_id": leads[new], "other_story_id": old}
        for old, new in merged.items()
    ]
    for row in moved:
        before = speaks.get(canonical_of[row["id"]])
        led = {"change": "canonical", "article_id": leads[row["id"]], "previous_article_id": before}
        history.append({"story_id": row["id"], **led})
    for digest, place in sorted(places.items()):
        history += _member_changes(place, texts[digest], leads)
    _remember(connection, history)


def _write_places(
    connection: Connection, texts: Mapping[bytes, Placed], places: Mapping[bytes, NewPlace], linked: Collection[int]
) -> None:
    """Write where texts stand now, as far as that is news."""
    news = [(text, places[digest]) for digest, text in texts.items()]
    all_of_it = [(*now, text.known.article_id, True, text.id) for text, now in news if text.id in linked]
    update_rows(connection, Text, (*_PLACE, "article_id", "linked"), all_of_it)
    moved = [(*now, text.id) for text, now in news if text.id not in linked and text.place != now]
    update_rows(connection, Text, _PLACE, moved)


def _member_changes(now: NewPlace, text: Placed, leads: Mapping[int, int]) -> Iterator[dict[str, Any]]:
    """What a text's new place means to its story's history."""
    (_, was, _, _, was_withdrawn), (story_id, relation, _, _, withdrawn) = text.place, now
    told = {"story_id": story_id, "article_id": text.known.article_id}
    if relation == "revision" != was:
        yield {**told, "change": "revision", "previous_article_id": leads[story_id]}
    if withdrawn != was_withdrawn:
        yield {**told, "change": "withdrawn" if withdrawn else "reinstated"}


def _remember(connection: Connection, history: Sequence[Mapping[str, Any]]) -> None:
    empty = {"at": datetime.now(UTC), "previous_article_id": None, "other_story_id": None}
    if history:
        connection.execute(insert(StoryChange), [{**empty, **row} for row in history])


def _withdrawn(connection: Connection, texts: Mapping[bytes, Placed], matches: Sequence[group.Match]) -> set[bytes]:
    """The texts whose item was killed, and what carries their text."""
    items = sorted({bytes.fromhex(item) for text in texts.values() for item in text.known.profile.items})
    killed = {
        item.hex()
        for start in range(0, len(items), 10_000)
        for item in killed_items(connection, items[start : start + 10_000])
    }
    if not killed:
        return set()
    gone = {digest for digest, text in texts.items() if text.known.profile.items & killed}
    ties = [(m.a, m.b) for m in matches if m.relation in WITHDRAWN_WITH and (m.a in gone) != (m.b in gone)]
    return gone | {digest for pair in ties for digest in pair}


def _public_ids(
    connection: Connection,
    stories: Sequence[group.Story],
    texts: Mapping[bytes, Placed],
    canonical_of: Mapping[int, int],
    gone: Collection[int],
) -> list[int]:
    """Give each story the oldest id its members carried: first to the story that holds that id's canonical.

    An id whose canonical stands elsewhere stays there (only `rebuild` meets that).
    """
    here = {text.id for text in texts.values()}
    carried = [sorted({i for digest in story.digests if (i := texts[digest].story) is not None}) for story in stories]
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
        canonical = ("canonical_text_id",)
        made = insert_missing(connection, Story, canonical, [(text,) for text in by_canonical], (*canonical, "id"))
        given |= {by_canonical[text]: story for text, story in made}
    return [given[number] for number in range(len(stories))]


def _redirect(connection: Connection, old: int, new: int) -> None:
    """A merged story's id leads to the story its canonical went to, in one step however often that happens."""
    connection.execute(update(StoryRedirect).where(StoryRedirect.new_id == old).values(new_id=new))
    connection.execute(insert(StoryRedirect).values(old_id=old, new_id=new))
    connection.execute(delete(Story).where(Story.id == old))
