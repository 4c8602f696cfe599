"""What two texts share and where they differ, word by word: the only ground on which a pair is decided."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Evidence(NamedTuple):
    """An exact comparison of texts a and b. Swapping them swaps the `_a` and `_b` fields and nothing else.

    A shared passage is a run of at least 3 equal words, a long one of at least 8: hardly ever chance or idiom.
    A lead is the first 30 words of the body. Counts are of words unless they say otherwise; `numbers_*`, `names_*`,
    `calendar_*`, `vocabulary_*` and `headline_*` count distinct ones, in a, in b, in both.
    """

    same_words: bool
    """Every word is the same, headlines included."""
    jaccard: float
    """Of the sets of 5-word shingles (of shorter ones if a text has fewer words)."""
    containment_a: float
    """Share of a's distinct shingles that stand in b."""
    containment_b: float
    words_a: int
    words_b: int
    shared_words: int
    """Words inside shared passages."""
    long_words: int
    """Words inside long shared passages."""
    long_passages: int
    """How many long ones there are."""
    longest_passage: int
    passages: tuple[tuple[int, int, int], ...]
    """(start in a, start in b, words), longest first; at most 20."""
    span_a: int
    """Words of a from the start of the first long shared passage to the end of the last."""
    span_b: int
    facts: int
    """Numbers, names and calendar words inside shared passages."""
    slots_agree: int
    """Places of a number or calendar word, both texts alike around it, that hold the same value in both."""
    slots_conflict: int
    """Those that hold another."""
    names_conflict: int
    """Gaps between shared passages in which the names differ."""
    numbers_a: int
    numbers_b: int
    numbers_shared: int
    names_a: int
    names_b: int
    names_shared: int
    calendar_a: int
    calendar_b: int
    calendar_shared: int
    vocabulary_a: int
    vocabulary_b: int
    vocabulary_shared: int
    headline_a: int
    headline_b: int
    headline_shared: int
    headline_told_a: int
    """Distinct words of a's headline that stand anywhere in b."""
    headline_told_b: int
    lead_told_a: float
    """Share of the distinct words of a's lead that stand anywhere in b."""
    lead_told_b: float
    lead_a: float
    """Share of a's lead that stands in shared passages."""
    lead_b: float


def compare(a: NDArray[np.uint32], a_headline: int, b: NDArray[np.uint32], b_headline: int) -> Evidence:
    """Compare two texts given as words (see `Fingerprint.words`), the first `*_headline` of each its headline.

    Passages are found by greedy tiling (Wise 1993, "String similarity via greedy string tiling and running Karp-Rabin
    matching"), from left to right and on texts whose numbers and calendar words are masked, so that a template lines
    up with itself and its slots can be read off. Works on any words.
    """
    from worker.core.measure import measure  # compiles on first use: reading a database needs none of it

    words, starts = np.concatenate((a, b)), np.array([0, len(a), len(a) + len(b)])
    headlines, pair = np.array([a_headline, b_headline]), np.array([[0, 1]])
    found = measure(words, starts, headlines, pair, 0, np.zeros((1, 3)), np.zeros(0), 0.0)
    return evidence(found, [(len(a), len(b))])[0]


def evidence(found: Any, lengths: Sequence[tuple[int, int]]) -> list[Evidence]:
    """Name what `worker.core.measure` found of the pairs that were kept, texts of so many words each."""
    from worker.core import alignment as at
    from worker.core import overlap as of

    counts, ratios = found.counts.tolist(), found.ratios.tolist()
    return [
        Evidence(
            same_words=same,
            jaccard=r[of.JACCARD],
            containment_a=r[of.CONTAINMENT],
            containment_b=r[of.CONTAINMENT + 1],
            words_a=words_a,
            words_b=words_b,
            shared_words=c[at.SHARED],
            long_words=c[at.LONG_WORDS],
            long_passages=c[at.LONG_PASSAGES],
            longest_passage=c[at.LONGEST],
            passages=tuple(map(tuple, passages[:count].tolist())),
            span_a=c[at.SPAN],
            span_b=c[at.SPAN + 1],
            facts=c[at.FACTS],
            slots_agree=c[at.AGREE],
            slots_conflict=c[at.CONFLICT],
            names_conflict=c[at.NAMES_CONFLICT],
            numbers_a=c[at.NUMBERS],
            numbers_b=c[at.NUMBERS + 1],
            numbers_shared=c[at.NUMBERS + 2],
            names_a=c[at.NAMES],
            names_b=c[at.NAMES + 1],
            names_shared=c[at.NAMES + 2],
            calendar_a=c[at.CALENDARS],
            calendar_b=c[at.CALENDARS + 1],
            calendar_shared=c[at.CALENDARS + 2],
            vocabulary_a=c[at.VOCABULARY],
            vocabulary_b=c[at.VOCABULARY + 1],
            vocabulary_shared=c[at.VOCABULARY + 2],
            headline_a=c[at.HEADLINE],
            headline_b=c[at.HEADLINE + 1],
            headline_shared=c[at.HEADLINE + 2],
            headline_told_a=c[at.TOLD],
            headline_told_b=c[at.TOLD + 1],
            lead_told_a=r[of.LEAD_TOLD],
            lead_told_b=r[of.LEAD_TOLD + 1],
            lead_a=r[of.LEAD_SHARED],
            lead_b=r[of.LEAD_SHARED + 1],
        )
        for (words_a, words_b), same, c, r, passages, count in zip(
            lengths, found.same.tolist(), counts, ratios, found.passages, found.passage_counts.tolist(), strict=True
        )
    ]  # fmt: skip
