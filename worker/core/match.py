"""Whether two texts are one story, and how they are related: a pure function of what they share and what differs."""

from collections.abc import Callable
from enum import StrEnum
from math import exp
from typing import Final, NamedTuple

import numpy as np

from worker.core import features as formulas
from worker.core.evidence import Evidence
from worker.core.features import BIAS, SAME_ITEM, WEIGHTS, time_apart, values, weigh


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


class Profile(NamedTuple):
    """What is known of a text besides its words, over all its appearances.

    Aggregated by minimum and union only, so that it cannot depend on which appearance came first.
    """

    published: float | None = None
    """Earliest plausible publication, POSIX seconds."""
    sources: frozenset[str] = frozenset()
    items: frozenset[str] = frozenset()
    """Identities: source and external id, or source and canonical URL."""
    credits: frozenset[str] = frozenset()
    language: str | None = None


class Decision(NamedTuple):
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
_SENTENCE: Final = 12
_PHRASES: Final = 0.06  # the same for fewer words than that: reports of a running subject share a phrase or two
_ROUND_UP_LENGTH: Final = 2.5
_BODY: Final = 0.5
_SAME_HEADLINE: Final = 0.6
_EDITED: Final = 0.25
_LEAD: Final = 0.6
_NEARLY_ALL: Final = 0.9
_ONE_BLOCK: Final = 1.3
_ABOUT: Final = 0.45
_HEADLINE_WORDS: Final = 5
_EDIT_WORDS: Final = 5
_NEAR_LENGTH: Final = 0.85
_REVISION_HOURS: Final = 48.0
FIRM: Final = np.array([_LEAD, _NEARLY_ALL, _EDITED, _SAME_HEADLINE])
"""The limits of `could_be_firm`, as `worker.core.measure` takes them."""
_WEIGHTS: Final = tuple(WEIGHTS.values())
_MEANS: Final = tuple(map(_USUAL.__getitem__, WEIGHTS))


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
    terms = features(evidence, hours_apart(a, b), bool(a.sources & b.sources))
    score = weigh(tuple(terms.values()), _WEIGHTS, BIAS)
    if same_item:
        score += SAME_ITEM
    strength = 1 / (1 + exp(-max(min(score, 60.0), -60.0)))
    if score <= 0:
        return Decision(None, strength, _reasons(evidence, terms, a, b, same_item))
    if _only_quotes(evidence):
        return Decision(None, strength, ("a quotation in common, and no more",))
    relation = _relation(evidence, a, b, terms["headline"], same_item)
    if relation is not Relation.REVISION and _is_item_of(evidence, relation):
        return Decision(None, strength, ("one is a part of the other, which is about something else",))
    return Decision(relation, strength, _reasons(evidence, terms, a, b, same_item))


def is_firm(e: Evidence, relation: Relation) -> bool:
    """Whether a match holds even where most of what the two share stands in a hundred other texts as well.

    What stands so often may be boilerplate, which looks like a body under another lead. It is not if the two share the
    lead of one of them, or next to everything.
    """
    shares_lead = max(e.lead_a, e.lead_b) >= _LEAD or max(e.containment_a, e.containment_b) >= _NEARLY_ALL
    return shares_lead or relation in (Relation.EXACT, Relation.NEAR, Relation.REVISION)


def could_be_firm(e: Evidence) -> bool:
    """Whether `is_firm` may say so, whatever else is known of two texts that are not versions of one item.

    It must hold wherever `is_firm` does: what it drops is looked at no more, whenever the two meet.
    """
    lead, contained = max(e.lead_a, e.lead_b), max(e.containment_a, e.containment_b)
    headline = min(e.headline_a, e.headline_b)
    longer = max(e.words_a, e.words_b)
    return formulas.could_be_firm(lead, contained, e.shared_words, longer, e.headline_shared, headline, FIRM)


def _repeats(e: Evidence) -> bool:
    """Most words of the shorter text, or of its headline, stand in the longer one: a flash and the report after it."""
    told = e.vocabulary_shared >= 0.6 * min(e.vocabulary_a, e.vocabulary_b)
    headline = min(e.headline_a, e.headline_b)
    return told or (headline >= 3 and e.headline_shared >= 0.6 * headline)


def features(e: Evidence, hours: float | None, same_source: bool) -> dict[str, float]:
    """What decides, by name, from the evidence and the hours between the publications."""
    return dict(zip(WEIGHTS, values(e, time_apart(hours), same_source), strict=True))


def hours_apart(a: Profile, b: Profile) -> float | None:
    """Hours between two publications; None if one of them is unknown."""
    if a.published is None or b.published is None:
        return None
    return abs(a.published - b.published) / 3600


def _relation(e: Evidence, a: Profile, b: Profile, headline: float, same_item: bool) -> Relation:
    shorter, longer = sorted((e.words_a, e.words_b))
    reach = max(e.containment_a, e.containment_b)
    if same_item and reach >= REACH:
        return Relation.REVISION
    hours = hours_apart(a, b)
    same_source = bool(a.sources & b.sources)
    if (
        same_source
        and hours is not None
        and hours <= _REVISION_HOURS
        and reach >= REACH
        and (headline >= _SAME_HEADLINE or min(e.lead_a, e.lead_b) >= 0.5)
    ):
        return Relation.REVISION
    if shorter >= _NEAR_LENGTH * longer and _edited_throughout(e, longer):
        return Relation.NEAR
    return Relation.SYNDICATED if reach >= REACH else Relation.DERIVED


def _edited_throughout(e: Evidence, longer: int) -> bool:
    """Hardly anything differs, or what differs is a few words here and there and not whole paragraphs."""
    apart = longer - e.shared_words
    scattered = apart <= _EDIT_WORDS * (len(e.passages) + 1)
    return apart <= 0.12 * longer or (apart <= _EDITED * longer and scattered)


def _only_quotes(e: Evidence) -> bool:
    """What they share is next to nothing of either: one passage, or a few that a far longer text has picked up."""
    shorter, longer = sorted((e.words_a, e.words_b))
    if e.long_words < _RETOLD_WORDS:
        least = _PHRASES
    elif e.long_passages > 1 and e.longest_passage >= _SENTENCE and longer < _ROUND_UP_LENGTH * shorter:
        least = _QUOTES
    else:
        least = QUOTE
    return max(e.containment_a, e.containment_b) < least


def _is_item_of(e: Evidence, relation: Relation) -> bool:
    """One text is a round-up, a live page or a feature that merely carries the other or quotes from it.

    What they share stands in one block, and neither headline nor lead of the one is told by the other. Whole bodies
    are given the benefit of the doubt unless the one is far longer: an editor may have written a new lead. Less than
    half of the shorter one is no body: it may as well be the boilerplate that a flood of others ends with.
    """
    whole = max(e.containment_a, e.containment_b) >= _BODY
    if relation.is_strong and whole and max(e.words_a, e.words_b) < _ROUND_UP_LENGTH * min(e.words_a, e.words_b):
        return False
    if max(e.span_a, e.span_b) > _ONE_BLOCK * e.long_words:
        return False
    about_a = _told(e.headline_told_a, e.headline_a, e.lead_told_a)
    about_b = _told(e.headline_told_b, e.headline_b, e.lead_told_b)
    return min(about_a, about_b) < _ABOUT


def _told(headline_told: int, headline: int, lead_told: float) -> float:
    return max(lead_told, headline_told / headline if headline >= _HEADLINE_WORDS else 0.0)


_SAYS: Final[dict[str, Callable[[Evidence], str]]] = {
    "long": lambda e: f"{e.long_words} words in long shared passages",
    "longest": lambda e: f"longest shared passage {e.longest_passage} words",
    "facts": lambda e: f"{e.facts} numbers, names and dates inside shared passages",
    "numbers": lambda e: f"{e.numbers_shared} of {min(e.numbers_a, e.numbers_b)} numbers in common",
    "names": lambda e: f"{e.names_shared} of {min(e.names_a, e.names_b)} names in common",
    "conflicts": lambda e: f"{e.slots_conflict} slots hold different numbers or dates",
    "agreements": lambda e: f"{e.slots_agree} slots hold the same number or date",
    "name_conflicts": lambda e: f"{e.names_conflict} slots hold different names",
    "headline": lambda e: f"{e.headline_shared} of {min(e.headline_a, e.headline_b)} headline words in common",
}


def _reasons(e: Evidence, terms: dict[str, float], a: Profile, b: Profile, same_item: bool) -> tuple[str, ...]:
    one_source = not a.sources.isdisjoint(b.sources)
    passed_over = "apart_two_sources" if one_source else "apart_one_source"
    decisive = []
    for (name, value), weight, usual in zip(terms.items(), _WEIGHTS, _MEANS, strict=True):
        told = abs(weight * (value - usual))
        if told >= 0.5 and name != passed_over:
            decisive.append((-told, name))
    decisive.sort()
    said = tuple(_SAYS[name](e) if name in _SAYS else _says_when(a, b, one_source) for _, name in decisive[:5])
    return (("same item of one source",) if same_item else ()) + said


def _says_when(a: Profile, b: Profile, one_source: bool) -> str:
    hours = hours_apart(a, b)
    apart = "publication times unknown" if hours is None else f"{hours:.0f} hours apart"
    return f"one source, {apart}" if one_source else apart
