"""Whether two texts are one story, and how they are related: a pure function of what they share and what differs."""

from dataclasses import dataclass, field
from enum import StrEnum
from math import exp, log1p
from typing import Final

from worker.core.evidence import Evidence


class Relation(StrEnum):
    """How a text is related to another of its story."""

    EXACT = "exact"
    """The same normalised text."""
    NEAR = "near"
    """Small edits throughout."""
    REVISION = "revision"
    """A later version of one item by one source."""
    SYNDICATED = "syndicated"
    """One carries the other's body, or both carry the same wire body."""
    DERIVED = "derived"
    """Its own text around passages taken from another."""

    @property
    def is_strong(self) -> bool:
        """Strong relations tie texts into one story; `derived` only attaches."""
        return self is not Relation.DERIVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is known of a text besides its words, over all its appearances.

    Aggregated by minimum and union only, so that it cannot depend on which appearance came first.
    """

    published: float | None = None
    """Earliest plausible publication, POSIX seconds."""
    sources: frozenset[str] = field(default_factory=frozenset)
    items: frozenset[str] = field(default_factory=frozenset)
    """Identities: source and external id, or source and canonical URL."""
    credits: frozenset[str] = field(default_factory=frozenset)
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict on one pair; `relation` is None when the two are different stories."""

    relation: Relation | None
    strength: float
    """Probability, by the model below, that the two are one story."""
    reasons: tuple[str, ...]
    """The features that decided, in plain words, weightiest first."""


MIN_WORDS: Final = 12
"""Shorter texts (stubs, consent pages, bare headlines) match only when every word is the same."""

REACH: Final = 0.35
"""Containment of the shorter text from which a copy is called syndicated rather than derived.

Not lower: where words are not set apart, as in Thai, five tokens are a word or two, and stock phrases add some 0.05.
"""

QUOTE: Final = 0.035
"""Containment of the shorter text below which two texts on one event only share a quotation, not their story."""

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
"""Logistic regression over the features of `features`, fitted by `benchmarks/fit.py`."""

BIAS: Final = -11.263

_USUAL: Final = {
    "long": 3.97,
    "longest": 3.72,
    "facts": 2.37,
    "numbers": 0.62,
    "names": -0.02,
    "conflicts": 0.47,
    "agreements": 1.29,
    "name_conflicts": 0.09,
    "headline": 0.55,
    "apart_one_source": 1.01,
    "apart_two_sources": 2.13,
}
"""Means over the pairs the model was fitted on: what a reason is measured against."""

_QUOTES: Final = 0.02  # the same for two passages or more: two sentences of a long report are a small share of it
_RETOLD_WORDS: Final = 20
_ROUND_UP_LENGTH: Final = 2.5
_ONE_BLOCK: Final = 1.3
_ABOUT: Final = 0.45
_NAMES: Final = 0.25  # share of distinct words with a capital: English 0.1 to 0.25, German 0.26 to 0.48
_NOUNS: Final = 0.4
_HEADLINE_WORDS: Final = 5
_EDIT_WORDS: Final = 5
_NEAR_LENGTH: Final = 0.85
_REVISION_HOURS: Final = 48.0
_HOURS_CAP: Final = 720.0
_SAME_ITEM: Final = 4.0
_UNKNOWN_HOURS: Final = 6.0
_NO_HEADLINE: Final = 0.4


def decide(evidence: Evidence, a: Profile, b: Profile) -> Decision:
    """Say whether texts a and b are one story, and how they are related. Swapping a and b changes nothing."""
    if evidence.same_words:
        return Decision(Relation.EXACT, 1.0, ("every word is the same",))
    same_item = bool(a.items & b.items)
    if same_item and _repeats(evidence):
        return Decision(Relation.REVISION, 1.0, ("same item of one source", "the later tells what the earlier told"))
    if min(evidence.words_a, evidence.words_b) < MIN_WORDS:
        return Decision(None, 0.0, (f"under {MIN_WORDS} words, and not the same",))
    if not evidence.shared_words:
        return Decision(None, 0.0, ("no passage in common",))
    values = features(evidence, _hours_apart(a, b), bool(a.sources & b.sources))
    score = BIAS + sum(WEIGHTS[name] * value for name, value in values.items())
    if same_item:
        score += _SAME_ITEM
    strength = 1 / (1 + exp(-max(min(score, 60.0), -60.0)))
    if score <= 0:
        return Decision(None, strength, _reasons(evidence, values, a, b, same_item))
    if _only_quotes(evidence):
        return Decision(None, strength, ("a quotation in common, and no more",))
    relation = _relation(evidence, a, b, values["headline"], same_item)
    if relation is not Relation.REVISION and _is_item_of(evidence, relation):
        return Decision(None, strength, ("one is a part of the other, which is about something else",))
    return Decision(relation, strength, _reasons(evidence, values, a, b, same_item))


def _repeats(e: Evidence) -> bool:
    """Most words of the shorter text, or of its headline, stand in the longer one: a flash and the report after it."""
    told = e.vocabulary_shared >= 0.6 * min(e.vocabulary_a, e.vocabulary_b)
    headline = min(e.headline_a, e.headline_b)
    return told or (headline >= 3 and e.headline_shared >= 0.6 * headline)


def features(e: Evidence, hours: float | None, same_source: bool) -> dict[str, float]:
    """What decides, as numbers of about the same size, from the evidence and the hours between the publications."""
    apart = log1p(_UNKNOWN_HOURS if hours is None else min(hours, _HOURS_CAP))
    headline = min(e.headline_a, e.headline_b)
    # Names count for what they have in common beyond the other words.
    vocabulary = e.vocabulary_shared / max(min(e.vocabulary_a, e.vocabulary_b), 1)
    per_cent = 100 / (e.shared_words + 20)
    proper = _proper(e)
    return {
        "long": log1p(e.long_words),
        "longest": log1p(e.longest_passage),
        "facts": log1p(e.facts),
        "numbers": (e.numbers_shared + 1) / (min(e.numbers_a, e.numbers_b) + 1.5),
        "names": (proper * e.names_shared + 1) / (proper * min(e.names_a, e.names_b) + 1.5) - vocabulary,
        "conflicts": log1p(e.slots_conflict * per_cent),
        "agreements": log1p(e.slots_agree),
        "name_conflicts": log1p(proper * e.names_conflict * per_cent),
        "headline": e.headline_shared / headline if headline else _NO_HEADLINE,
        "apart_one_source": apart if same_source else 0.0,
        "apart_two_sources": 0.0 if same_source else apart,
    }


def _proper(e: Evidence) -> float:
    """How far capitalised words are names, 0 to 1: not where every third word has a capital, as German nouns have."""
    density = (e.names_a + e.names_b) / max(e.vocabulary_a + e.vocabulary_b, 1)
    return min(max((_NOUNS - density) / (_NOUNS - _NAMES), 0.0), 1.0)


def _hours_apart(a: Profile, b: Profile) -> float | None:
    if a.published is None or b.published is None:
        return None
    return abs(a.published - b.published) / 3600


def _relation(e: Evidence, a: Profile, b: Profile, headline: float, same_item: bool) -> Relation:
    shorter, longer = sorted((e.words_a, e.words_b))
    reach = max(e.containment_a, e.containment_b)
    if same_item and reach >= REACH:
        return Relation.REVISION
    hours = _hours_apart(a, b)
    same_source = bool(a.sources & b.sources)
    if (
        same_source
        and hours is not None
        and hours <= _REVISION_HOURS
        and reach >= REACH
        and (headline >= 0.6 or min(e.lead_a, e.lead_b) >= 0.5)
    ):
        return Relation.REVISION
    if shorter >= _NEAR_LENGTH * longer and _edited_throughout(e, longer):
        return Relation.NEAR
    return Relation.SYNDICATED if reach >= REACH else Relation.DERIVED


def _edited_throughout(e: Evidence, longer: int) -> bool:
    """Hardly anything differs, or what differs is a few words here and there and not whole paragraphs."""
    apart = longer - e.shared_words
    scattered = apart <= _EDIT_WORDS * (len(e.passages) + 1)
    return apart <= 0.12 * longer or (apart <= 0.25 * longer and scattered)


def _only_quotes(e: Evidence) -> bool:
    """What they share is next to nothing of either: one passage, or a few that a far longer text has picked up."""
    shorter, longer = sorted((e.words_a, e.words_b))
    retold = e.long_passages > 1 and e.long_words >= _RETOLD_WORDS and longer < _ROUND_UP_LENGTH * shorter
    return max(e.containment_a, e.containment_b) < (_QUOTES if retold else QUOTE)


def _is_item_of(e: Evidence, relation: Relation) -> bool:
    """One text is a round-up, a live page or a feature that merely carries the other or quotes from it.

    What they share stands in one block, and neither headline nor lead of the one is told by the other. Whole bodies
    are given the benefit of the doubt unless the one is far longer: an editor may have written a new lead.
    """
    if relation.is_strong and max(e.words_a, e.words_b) < _ROUND_UP_LENGTH * min(e.words_a, e.words_b):
        return False
    if max(e.span_a, e.span_b) > _ONE_BLOCK * e.long_words:
        return False
    about_a = _told(e.headline_told_a, e.headline_a, e.lead_told_a)
    about_b = _told(e.headline_told_b, e.headline_b, e.lead_told_b)
    return min(about_a, about_b) < _ABOUT


def _told(headline_told: int, headline: int, lead_told: float) -> float:
    return max(lead_told, headline_told / headline if headline >= _HEADLINE_WORDS else 0.0)


def _reasons(e: Evidence, values: dict[str, float], a: Profile, b: Profile, same_item: bool) -> tuple[str, ...]:
    hours = _hours_apart(a, b)
    apart = "publication times unknown" if hours is None else f"{hours:.0f} hours apart"
    words = {
        "long": f"{e.long_words} words in long shared passages",
        "longest": f"longest shared passage {e.longest_passage} words",
        "facts": f"{e.facts} numbers, names and dates inside shared passages",
        "numbers": f"{e.numbers_shared} of {min(e.numbers_a, e.numbers_b)} numbers in common",
        "names": f"{e.names_shared} of {min(e.names_a, e.names_b)} names in common",
        "conflicts": f"{e.slots_conflict} slots hold different numbers or dates",
        "agreements": f"{e.slots_agree} slots hold the same number or date",
        "name_conflicts": f"{e.names_conflict} slots hold different names",
        "headline": f"{e.headline_shared} of {min(e.headline_a, e.headline_b)} headline words in common",
        "apart_one_source": f"one source, {apart}",
        "apart_two_sources": f"{apart}",
    }
    weight = {name: WEIGHTS[name] * (value - _USUAL[name]) for name, value in values.items()}
    del weight["apart_two_sources" if a.sources & b.sources else "apart_one_source"]
    ranked = sorted(weight, key=lambda name: (-abs(weight[name]), name))
    said = tuple(words[name] for name in ranked if abs(weight[name]) >= 0.5)[:5]
    return (("same item of one source",) if same_item else ()) + said
