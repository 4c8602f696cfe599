"""What decides about a pair, as a few numbers, and what each weighs: one formula for the interpreter and the compiler.

`worker.core.match` decides by it; `worker.core.measure` compiles it, to leave out in time what cannot pass.
"""

from math import log1p
from typing import Any, Final, NamedTuple

WEIGHTS: Final = {
    "long": 1.058,
    "longest": 1.056,
    "facts": 0.306,
    "numbers": 8.1,
    "names": 6.63,
    "conflicts": -1.087,
    "agreements": 0.613,
    "name_conflicts": -2.226,
    "headline": 1.765,
    "apart_one_source": -1.163,
    "apart_two_sources": -0.396,
}
"""Logistic regression over the values of `values`, in that order, fitted by `benchmarks/fit.py`."""

BIAS: Final = -11.263

SAME_ITEM: Final = 4.0
"""What it adds that both are the same item of one source."""

# Where each of the limits stands that say what is firm (`worker.core.match.FIRM`).
LEAD_LEAST: Final = 0
NEARLY_ALL: Final = 1
EDITED: Final = 2
SAME_HEADLINE: Final = 3

_UNKNOWN_HOURS: Final = 6.0
_HOURS_CAP: Final = 720.0
_NO_HEADLINE: Final = 0.4
_NAMES: Final = 0.25  # share of distinct words with a capital: English 0.1 to 0.25, German 0.26 to 0.48
_NOUNS: Final = 0.4
_USUAL_FACTS: Final = 10.0
_PHRASE: Final = 10
_CASELESS: Final = 0.03  # Arabic, Chinese and Thai have a foreign name here and there


class Counts(NamedTuple):
    """What `values` reads of an `Evidence`, under the same names."""

    shared_words: int
    long_words: int
    longest_passage: int
    facts: int
    slots_agree: int
    slots_conflict: int
    names_conflict: int
    numbers_a: int
    numbers_b: int
    numbers_shared: int
    names_a: int
    names_b: int
    names_shared: int
    vocabulary_a: int
    vocabulary_b: int
    vocabulary_shared: int
    headline_a: int
    headline_b: int
    headline_shared: int


def time_apart(hours: float | None) -> float:
    """How much the hours between two publications count for: the logarithm, up to a month."""
    return log1p(_UNKNOWN_HOURS if hours is None else min(hours, _HOURS_CAP))


def values(e: Any, apart: float, same_source: bool) -> tuple[float, ...]:
    """What decides, as numbers of about the same size, from `Evidence` or `Counts` and the time apart."""
    headline = min(e.headline_a, e.headline_b)
    # Names count for what they have in common beyond the other words.
    vocabulary = e.vocabulary_shared / max(min(e.vocabulary_a, e.vocabulary_b), 1)
    per_cent = 100 / (e.shared_words + 20)
    # How far capitalised words are names, 0 to 1: not where every third word has a capital, as German nouns have.
    density = (e.names_a + e.names_b) / max(e.vocabulary_a + e.vocabulary_b, 1)
    proper = min(max((_NOUNS - density) / (_NOUNS - _NAMES), 0.0), 1.0)
    # In scripts without capitals no word looks like a name: there, each word that makes the longest passage more than a
    # phrase is taken for a fact, up to what is usual. Not in templates, whose names stand in the slots.
    caseless = max(1 - density / _CASELESS, 0.0)
    unseen = caseless * min(max(e.longest_passage - _PHRASE, 0), _USUAL_FACTS) / (1 + e.slots_conflict)
    return (
        log1p(e.long_words),
        log1p(e.longest_passage),
        log1p(e.facts + unseen),
        (e.numbers_shared + 1) / (min(e.numbers_a, e.numbers_b) + 1.5),
        (proper * e.names_shared + 1) / (proper * min(e.names_a, e.names_b) + 1.5) - vocabulary,
        log1p(e.slots_conflict * per_cent),
        log1p(e.slots_agree),
        log1p(proper * e.names_conflict * per_cent),
        e.headline_shared / headline if headline else _NO_HEADLINE,
        apart if same_source else 0.0,
        0.0 if same_source else apart,
    )


def could_be_firm(
    lead: float, contained: float, shared: int, longer: int, headline_shared: int, headline: int, firm: Any
) -> bool:
    """Whether what two texts share may hold in a flood (`worker.core.match.FIRM`), whatever else is known of them.

    The greater share of a lead, and of a text, that stands in the other; words shared and words of the longer text;
    words of the shorter headline, and how many of them both have.
    """
    apart = longer - shared
    same_headline = headline > 0 and headline_shared >= firm[SAME_HEADLINE] * headline
    shares_most = lead >= firm[LEAD_LEAST] or contained >= firm[NEARLY_ALL]
    return shares_most or apart <= firm[EDITED] * longer or same_headline


def weigh(terms: tuple[float, ...], weights: Any, bias: float) -> float:
    """The log odds that two texts are one story. Added up from left to right: `sum` does not on every Python."""
    total = 0.0
    for at in range(len(terms)):
        total += weights[at] * terms[at]
    return bias + total
