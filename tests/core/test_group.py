"""Stories are a function of the set of texts and matches."""

import random
import time
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.core.group import Match, Story, Text, group
from worker.core.match import REACH, Relation


def text(name: str, published: float | None = None, sources: str = "", credits: str = "") -> Text:  # noqa: A002
    return Text(
        digest=name.encode(),
        published=published,
        sources=frozenset(sources.split()),
        credits=frozenset(credits.split()),
    )


def match(a: str, b: str, of_a: float, of_b: float | None = None, relation: Relation | None = None) -> Match:
    of_b = of_a if of_b is None else of_b
    jaccard = 1 / (1 / of_a + 1 / of_b - 1) if of_a and of_b else 0.0
    found = relation or (Relation.SYNDICATED if max(of_a, of_b) >= REACH else Relation.DERIVED)
    return Match(a=a.encode(), b=b.encode(), relation=found, jaccard=jaccard, containment_a=of_a, containment_b=of_b)


def told(stories: list[Story]) -> dict[str, dict[str, str]]:
    return {
        story.canonical.decode(): {member.digest.decode(): str(member.relation) for member in story.members}
        for story in stories
    }


def test_texts_without_matches_are_stories_of_one() -> None:
    """Every text is in exactly one story."""
    assert told(group([text("b"), text("a")], [])) == {"a": {}, "b": {}}


def test_the_earliest_text_is_canonical() -> None:
    """The earliest publication speaks for the story; a text without a time comes last."""
    texts = [text("a"), text("b", 20.0), text("c", 10.0)]
    matches = [match("a", "b", 0.9), match("a", "c", 0.9), match("b", "c", 0.9, relation=Relation.NEAR)]
    assert told(group(texts, matches)) == {"c": {"a": "syndicated", "b": "near"}}


def test_equal_times_are_decided_by_source_rank_then_digest() -> None:
    """Ties end at the digest, never at the order of arrival."""
    texts = [text("b", 1.0), text("a", 1.0)]
    assert told(group(texts, [match("a", "b", 0.9)])) == {"a": {"b": "syndicated"}}
    ranked = [Text(digest=b"a", published=1.0, source_rank=1), text("b", 1.0)]
    assert told(group(ranked, [match("a", "b", 0.9)])) == {"b": {"a": "syndicated"}}


def test_the_agencys_own_article_is_canonical_whoever_was_first() -> None:
    """A copy that credits an agency sits under the agency's article; other sources do not outrank an earlier one."""
    texts = [text("copy", 1.0, "courier", "ap"), text("own", 5.0, "ap"), text("late", 9.0, "herald", "ap")]
    matches = [match(a, b, 0.9) for a, b in combinations(("copy", "own", "late"), 2)]
    assert told(group(texts, matches)) == {"own": {"copy": "syndicated", "late": "syndicated"}}
    assert list(told(group([texts[0], texts[2]], matches))) == ["copy"]


def test_a_late_original_takes_the_place_over() -> None:
    """The canonical text is that of the set, also if it was found last."""
    texts = [text("b", 20.0), text("c", 30.0)]
    matches = [match("b", "c", 0.9), match("a", "b", 0.9), match("a", "c", 0.9)]
    assert list(told(group(texts, matches))) == ["b"]
    assert list(told(group([*texts, text("a", 10.0)], matches))) == ["a"]


def test_chains_do_not_drift() -> None:
    """A chain of rewrites is split where texts have lost touch with the canonical one."""
    names = [f"v{n:02}" for n in range(12)]
    matches = [match(names[i], names[j], 0.9 ** (2 * (j - i))) for i, j in combinations(range(12), 2) if j - i < 6]
    stories = group([text(name, float(n)) for n, name in enumerate(names)], matches)
    assert len(stories) > 1
    for story in stories:
        at = names.index(story.canonical.decode())
        assert all(abs(names.index(member.digest.decode()) - at) < 6 for member in story.members)


@pytest.mark.parametrize("published", [0.0, 9.0])
def test_a_round_up_welds_nothing(published: float) -> None:
    """The stories that one long text carries stay apart, whether it came first or last."""
    texts = [text("round-up", published), *(text(name, float(n + 1)) for n, name in enumerate("abcd"))]
    stories = group(texts, [match(name, "round-up", 1.0, 0.2) for name in "abcd"])
    assert max(len(story.digests) for story in stories) == 2
    assert len(stories) == 4


def test_cuts_of_one_report_are_one_story() -> None:
    """Two cuts that do not overlap are one story if most other copies carry both."""
    names = ["full", "copy", "print", "head", "tail"]
    matches = [match(a, b, 0.95) for a, b in combinations(names[:3], 2)]
    matches += [match(cut, whole, 1.0, 0.3) for cut in ("head", "tail") for whole in names[:3]]
    texts = [text(name, float(n)) for n, name in enumerate(names)]
    assert list(told(group(texts, matches))) == ["full"]


def test_derived_attaches_and_does_not_weld() -> None:
    """A retelling goes to the story it draws on most; two stories it draws on stay two."""
    texts = [text(name, float(n)) for n, name in enumerate(("a", "b", "x", "y", "mix"))]
    matches = [match("a", "b", 0.9), match("x", "y", 0.9)]
    matches += [match("mix", other, 0.1) for other in ("a", "b")] + [match("mix", other, 0.2) for other in ("x", "y")]
    assert told(group(texts, matches)) == {"a": {"b": "syndicated"}, "x": {"y": "syndicated", "mix": "derived"}}


def test_retellings_that_draw_on_each_other_are_one_story() -> None:
    """Texts of one event, each derived from each other, need no strong match."""
    texts = [text(name, float(n)) for n, name in enumerate("abc")]
    matches = [match(a, b, 0.15) for a, b in combinations("abc", 2)]
    assert told(group(texts, matches)) == {"a": {"b": "derived", "c": "derived"}}


def test_matches_with_texts_that_are_not_given_are_left_out() -> None:
    """A match whose other text is not in the set ties nothing."""
    assert told(group([text("a")], [match("a", "gone", 0.9)])) == {"a": {}}


def families(seed: int, size: int) -> tuple[list[Text], list[Match]]:
    draw = random.Random(seed)
    texts = [
        text(f"t{n:03}", draw.choice([None, 1.0, 2.0, 3.0]), draw.choice(["", "ap", "x"]), draw.choice(["", "ap"]))
        for n in range(size)
    ]
    matches = []
    for a, b in combinations(texts, 2):
        if draw.random() < 0.3:
            relation = draw.choice(list(Relation))
            matches.append(match(a.digest.decode(), b.digest.decode(), draw.random(), draw.random(), relation))
    return texts, matches


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 14), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(seed: int, size: int, shuffler: random.Random) -> None:
    """Texts, matches and the sides of a match in any order give the same stories, and the laws of a story hold."""
    texts, matches = families(seed, size)
    stories = group(texts, matches)
    turned = [
        Match(a=m.b, b=m.a, relation=m.relation, jaccard=m.jaccard, containment_a=m.containment_b,
              containment_b=m.containment_a) if shuffler.random() < 0.5 else m for m in matches
    ]  # fmt: skip
    shuffler.shuffle(texts)
    shuffler.shuffle(turned)
    assert group(texts, turned) == stories

    assert sorted(digest for story in stories for digest in story.digests) == sorted(t.digest for t in texts)
    by_pair = {frozenset((m.a, m.b)): m for m in matches}
    for story in stories:
        for member in story.members:
            found = by_pair[frozenset((story.canonical, member.digest))]
            assert member.relation is Relation.DERIVED or found.reach >= REACH or found.relation is Relation.EXACT


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 8), st.integers(1, 8))
def test_components_do_not_touch_each_other(seed: int, one: int, two: int) -> None:
    """Grouping a connected component by itself gives the stories it has in the whole."""
    texts, matches = families(seed, one)
    others = [Text(digest=b"o" + t.digest, published=t.published) for t in families(seed + 1, two)[0]]
    more = [
        match("o" + m.a.decode(), "o" + m.b.decode(), m.containment_a, m.containment_b, m.relation)
        for m in families(seed + 1, two)[1]
    ]
    apart = group(texts, matches) + group(others, more)
    assert sorted(apart, key=lambda story: story.canonical) == group(texts + others, matches + more)


def test_large_stories_take_no_long_time() -> None:
    """Six hundred copies, all matched with each other, are grouped within seconds."""
    names = [f"{n:03}" for n in range(600)]
    matches = [match(a, b, 0.4 + (int(a) + int(b)) % 50 / 100) for a, b in combinations(names, 2)]
    started = time.perf_counter()
    assert len(group([text(name) for name in names], matches)) == 1
    assert time.perf_counter() - started < 20


def test_of_undated_texts_the_longest_is_canonical() -> None:
    """Where no time tells, the text that the others are more likely cut from comes first, whatever its digest."""
    texts = [Text(digest=b"a", words=90), Text(digest=b"b", words=300)]
    assert told(group(texts, [match("a", "b", 1.0, 0.3)])) == {"b": {"a": "syndicated"}}
