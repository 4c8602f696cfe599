"""Which of many proposed texts are one story with a given one: screened, measured and decided in one go."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from worker.core import features, match
from worker.core.evidence import Evidence, evidence
from worker.core.fingerprint import writeable

ENOUGH: Final = 3
"""Places of one of two texts that must begin six words in a row that the other has, numbers and calendar words
counting as equal among themselves. Loses 5 of 6,000 links on 12,000 real articles, and with them half of all
comparisons: stock phrases are shorter."""
BATCH: Final = 256
"""Texts held against another at a time: bounds what is copied."""


Told = tuple[NDArray[np.uint32], int]
"""The words of a text and how many of them are its headline's."""


@dataclass(frozen=True, slots=True)
class Side:
    """A text as it is verified."""

    words: NDArray[np.uint32]
    """See `Fingerprint.words`."""
    headline_words: int
    profile: match.Profile


def promising(text: Told, others: Sequence[Told], firm_only: Sequence[bool]) -> list[int]:
    """Which of `others` could be one story with `text` at best: if one source had published both at one time.

    Those that `firm_only` marks must be firm besides. Nine in ten of those proposed could not, and nothing else about
    them has to be known. Not to be asked of versions of one item, to which less applies.
    """
    results = []
    for start in range(0, len(others), BATCH):
        part, firm = others[start : start + BATCH], firm_only[start : start + BATCH]
        found = _measure(text, part, np.zeros((len(part), 3)), firm)
        kept = found.kept.tolist()
        if any(firm):
            told = evidence(found, len(text[0]), [len(words) for words, _ in part])
            kept = [at for at, e in zip(kept, told, strict=True) if not firm[at] or match.could_be_firm(e)]
        results += [start + at for at in kept]
    return results


def verify(text: Side, others: Sequence[Side]) -> list[tuple[Evidence, match.Decision] | None]:
    """Say for each of `others` why it is one story with `text` and how the two are related, or None if they are not.

    The evidence has `text` as a. The same as `compare` and `decide` pair by pair, for all that share enough of a
    passage, and several times faster.
    """
    results: list[tuple[Evidence, match.Decision] | None] = []
    for start in range(0, len(others), BATCH):
        results += _verify(text, others[start : start + BATCH])
    return results


def _verify(text: Side, others: Sequence[Side]) -> list[tuple[Evidence, match.Decision] | None]:
    terms = np.array([term for other in others for term in _terms(text.profile, other.profile)]).reshape(-1, 3)
    found = _measure(
        (text.words, text.headline_words),
        [(other.words, other.headline_words) for other in others],
        terms,
        [False] * len(others),
    )
    results: list[tuple[Evidence, match.Decision] | None] = [None] * len(others)
    lengths = [len(other.words) for other in others]
    for at, seen in zip(found.kept.tolist(), evidence(found, len(text.words), lengths), strict=True):
        decision = match.decide(seen, text.profile, others[at].profile)
        if decision.relation is not None:
            results[at] = (seen, decision)
    return results


def _measure(text: Told, others: Sequence[Told], terms: NDArray[np.float64], firm_only: Sequence[bool]) -> Any:
    from worker.core.measure import measure

    return measure(
        writeable(text[0]),
        text[1],
        np.concatenate([words for words, _ in others]),
        np.cumsum([len(words) for words, _ in others]),
        np.array([headline_words for _, headline_words in others], np.int64),
        ENOUGH,
        terms,
        _WEIGHTS,
        features.BIAS,
        np.array(firm_only, np.bool_),
        match.FIRM,
    )


def _terms(a: match.Profile, b: match.Profile) -> tuple[float, float, float]:
    """What `measure` asks of two profiles."""
    apart = features.time_apart(match.hours_apart(a, b))
    return apart, float(not a.sources.isdisjoint(b.sources)), float(not a.items.isdisjoint(b.items))


_WEIGHTS: Final = np.array(list(features.WEIGHTS.values()))
