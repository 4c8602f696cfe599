"""What two texts share and where they differ, word by word: the only ground on which a pair is decided."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

PASSAGES_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Evidence:
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
    """(start in a, start in b, words), longest first; at most `PASSAGES_KEPT`."""
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
    up with itself and its slots can be read off. Works on any words, in some 10 µs for 100 of them.
    """
    from worker.core import alignment as at  # compiles on first use: reading a database needs none of it

    swapped = _comes_after(a, b)
    if swapped:
        a, a_headline, b, b_headline = b, b_headline, a, a_headline
    counts, ratios, passages = at.measure(a, a_headline, b, b_headline)
    order = np.lexsort((passages[:, 1], passages[:, 0], -passages[:, 2]))[:PASSAGES_KEPT]  # before turning it back
    c, r = counts.tolist(), ratios.tolist()
    first, second = (1, 0) if swapped else (0, 1)
    return Evidence(
        same_words=a_headline == b_headline and np.array_equal(a >> 2, b >> 2),
        jaccard=r[at.JACCARD],
        containment_a=r[at.CONTAINMENT + first],
        containment_b=r[at.CONTAINMENT + second],
        words_a=len(b) if swapped else len(a),
        words_b=len(a) if swapped else len(b),
        shared_words=c[at.SHARED],
        long_words=c[at.LONG_WORDS],
        long_passages=c[at.LONG_PASSAGES],
        longest_passage=c[at.LONGEST],
        passages=tuple((p[first], p[second], p[2]) for p in passages[order].tolist()),
        span_a=c[at.SPAN + first],
        span_b=c[at.SPAN + second],
        facts=c[at.FACTS],
        slots_agree=c[at.AGREE],
        slots_conflict=c[at.CONFLICT],
        names_conflict=c[at.NAMES_CONFLICT],
        numbers_a=c[at.NUMBERS + first],
        numbers_b=c[at.NUMBERS + second],
        numbers_shared=c[at.NUMBERS + 2],
        names_a=c[at.NAMES + first],
        names_b=c[at.NAMES + second],
        names_shared=c[at.NAMES + 2],
        calendar_a=c[at.CALENDARS + first],
        calendar_b=c[at.CALENDARS + second],
        calendar_shared=c[at.CALENDARS + 2],
        vocabulary_a=c[at.VOCABULARY + first],
        vocabulary_b=c[at.VOCABULARY + second],
        vocabulary_shared=c[at.VOCABULARY + 2],
        headline_a=c[at.HEADLINE + first],
        headline_b=c[at.HEADLINE + second],
        headline_shared=c[at.HEADLINE + 2],
        headline_told_a=c[at.TOLD + first],
        headline_told_b=c[at.TOLD + second],
        lead_told_a=r[at.LEAD_TOLD + first],
        lead_told_b=r[at.LEAD_TOLD + second],
        lead_a=r[at.LEAD_SHARED + first],
        lead_b=r[at.LEAD_SHARED + second],
    )


def _comes_after(a: NDArray[np.uint32], b: NDArray[np.uint32]) -> bool:
    """Put every pair into one order, so that the result cannot depend on which text came first."""
    return len(a) > len(b) or (len(a) == len(b) and a.tobytes() > b.tobytes())
