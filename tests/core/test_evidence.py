"""What the comparison of two texts says."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.core.evidence import Evidence, compare

PLAIN, NUMBER, NAME, CALENDAR = range(4)
Words = NDArray[np.uint32]


def words(text: str) -> Words:
    """Words of a little language of its own: 7 is a number, Ada a name, monday a calendar word."""
    hashes = {word: index + 1 for index, word in enumerate(dict.fromkeys(VOCABULARY))}
    kinds = [NUMBER if w.isdigit() else NAME if w[0].isupper() else CALENDAR if w.endswith("day") else PLAIN
             for w in text.split()]  # fmt: skip
    return np.array([hashes[w] << 2 | kind for w, kind in zip(text.split(), kinds, strict=True)], np.uint32)


STORY = (
    "the council of Vellmouth said on monday that 14 piles of the old ferry pier must be replaced before winter and "
    "that Ada Quill would lead the work for 300 days while boats leave from the north quay instead"
)
OTHER = "a rope maker in Pelling hired 60 people after its owner sold one half of a mill to Bo Tarn on friday"
TEMPLATE = "the bank said it gave the market {} million in the morning on {} at a rate of {} per cent"
SLOTS = ("37", "monday", "10"), ("24", "friday", "11")
VOCABULARY = f"{STORY} {OTHER} {' '.join(TEMPLATE.format(*s) for s in SLOTS)} x y z 1 2 3".split()


def compared(a: str, b: str, headline: int = 0) -> Evidence:
    return compare(words(a), headline, words(b), headline)


def test_a_text_and_itself() -> None:
    """A text shares everything with itself."""
    e = compared(STORY, STORY)
    n = len(STORY.split())
    assert e.same_words
    assert (e.jaccard, e.containment_a, e.containment_b) == (1.0, 1.0, 1.0)
    assert (e.shared_words, e.longest_passage, e.passages) == (n, n, ((0, 0, n),))
    assert (e.slots_conflict, e.names_conflict, e.facts) == (0, 0, 6)
    assert (e.lead_a, e.lead_told_b, e.span_a) == (1.0, 1.0, n)


def test_unrelated_texts() -> None:
    """Texts without a common run of words share no passage."""
    e = compared(STORY, OTHER)
    assert (e.jaccard, e.shared_words, e.longest_passage, e.passages) == (0.0, 0, 0, ())
    assert e.vocabulary_shared > 0


def test_a_cut_text_is_contained() -> None:
    """All shingles of a text's beginning stand in the text, and its lead as well."""
    cut = " ".join(STORY.split()[:20])
    e = compared(cut, STORY)
    assert e.containment_a == 1.0
    assert e.containment_b == pytest.approx(16 / 35)
    assert (e.words_a, e.shared_words, e.passages) == (20, 20, ((0, 0, 20),))


def test_passages_say_where_they_stand() -> None:
    """Two passages of one text inside another are found where they are, the longest first."""
    parts = STORY.split()
    e = compared(" ".join([*OTHER.split(), *parts[20:34], "x", "y", *parts[2:12]]), STORY)
    assert e.passages == ((22, 20, 14), (38, 2, 10))
    assert (e.long_words, e.long_passages, e.span_a, e.span_b) == (24, 2, 26, 32)


def test_slots_of_a_template_are_read() -> None:
    """Where a template holds other numbers and days, the slots conflict; where it holds the same, they agree."""
    e = compared(TEMPLATE.format(*SLOTS[0]), TEMPLATE.format(*SLOTS[1]))
    assert (e.slots_agree, e.slots_conflict, e.numbers_shared) == (0, 3, 0)
    e = compared(TEMPLATE.format(*SLOTS[0]), TEMPLATE.format("37", "monday", "11"))
    assert (e.slots_agree, e.slots_conflict) == (2, 1)


def test_another_name_in_the_same_place_conflicts() -> None:
    """Between passages that follow each other, different names are a conflict."""
    assert compared(STORY, STORY.replace("Ada Quill", "Bo Tarn")).names_conflict == 1
    assert compared(STORY, STORY).names_conflict == 0


def test_headlines_are_compared_by_themselves() -> None:
    """Words of the headline are counted against the other headline and against the whole other text."""
    e = compare(words("ferry pier in Vellmouth " + OTHER), 4, words("a mill sold " + STORY), 3)
    assert (e.headline_a, e.headline_b, e.headline_shared) == (4, 3, 0)
    assert (e.headline_told_a, e.headline_told_b) == (3, 3)


def test_the_class_of_a_word_does_not_keep_it_from_matching() -> None:
    """A word that begins a sentence here and not there is the same word."""
    a = words(STORY)
    b = a.copy()
    b[3] = b[3] & ~np.uint32(3)
    assert compare(a, 0, b, 0).same_words


def test_short_and_empty_texts() -> None:
    """Texts shorter than a shingle, or empty, are compared all the same."""
    assert compared("x y", "x y").jaccard == 1.0
    assert compared("x", "y").jaccard == 0.0
    empty = np.empty(0, np.uint32)
    assert compare(empty, 0, words("x y z"), 0).jaccard == 0.0
    assert compare(empty, 0, empty, 0).same_words


texts = st.lists(st.integers(1, 12), max_size=60).map(lambda h: np.array([x << 2 | x % 4 for x in h], np.uint32))


@settings(max_examples=200, deadline=None)
@given(texts, texts, st.integers(0, 5), st.integers(0, 5))
def test_comparison_is_symmetric(a: Words, b: Words, head_a: int, head_b: int) -> None:
    """Swapping the texts swaps the fields and changes nothing else; counts stay within bounds."""
    head_a, head_b = min(head_a, len(a)), min(head_b, len(b))
    one, two = compare(a, head_a, b, head_b), compare(b, head_b, a, head_a)
    for field in Evidence._fields:
        mirrored = f"{field[:-1]}{'b' if field[-1] == 'a' else 'a'}" if field.endswith(("_a", "_b")) else field
        if field != "passages":
            assert getattr(one, field) == getattr(two, mirrored), field
    assert {(i, j, n) for i, j, n in one.passages} == {(i, j, n) for j, i, n in two.passages}
    assert one.shared_words <= min(len(a), len(b))
    for i, j, n in one.passages:
        assert (a[i : i + n] >> 2 == b[j : j + n] >> 2).all()


@settings(max_examples=100, deadline=None)
@given(texts, texts)
def test_jaccard_and_containment_are_those_of_the_sets(a: Words, b: Words) -> None:
    """Overlap is exactly that of the sets of shingles, as plain Python counts them."""
    n = max(1, min(5, len(a), len(b)))
    of_a = {tuple(a[i : i + n] >> 2) for i in range(len(a) - n + 1)}
    of_b = {tuple(b[i : i + n] >> 2) for i in range(len(b) - n + 1)}
    e, both = compare(a, 0, b, 0), len(of_a & of_b)
    assert e.jaccard == pytest.approx(both / max(len(of_a | of_b), 1))
    assert e.containment_a == pytest.approx(both / max(len(of_a), 1))


@pytest.mark.parametrize("text", ["1 2 3", "x", "x y", "1 x"])
def test_repetitive_texts_take_no_long_time(text: str) -> None:
    """Tables of numbers and endless repetitions cost no more than a few of their like."""
    a, b = words(" ".join([text] * 4000)), words(" ".join([f"{text} z"] * 4000))
    compare(a, 0, b, 0)
    started = time.perf_counter()
    compare(a, 0, b, 0)
    assert time.perf_counter() - started < 2
