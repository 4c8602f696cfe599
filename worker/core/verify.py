"""Which of many proposed pairs of texts are one story: screened, measured and decided in one go."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.core import features, match
from worker.core.evidence import Evidence, evidence

ENOUGH: Final = 3
"""Places of one of two texts that must begin six words in a row that the other has, numbers and calendar words
counting as equal among themselves. Loses 5 of 6,000 links on 12,000 real articles, and with them half of all
comparisons: stock phrases are shorter."""
BATCH: Final = 1 << 22
"""Words laid side by side at a time: bounds what is copied."""

Told = tuple[NDArray[np.uint32], int]
"""The words of a text and how many of them are its headline's."""
Pairs = NDArray[np.int64]
"""Rows (target, other); the pairs of a target are made cheaper by standing in a row."""


@dataclass(frozen=True, slots=True)
class _Laid:
    """Some pairs, from `start` to `end`, and their texts' words side by side."""

    start: int
    end: int
    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    headlines: NDArray[np.int64]
    pairs: Pairs
    """Of numbers of texts."""


def promising(told: Mapping[int, Told], pairs: Pairs, firm_only: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of these pairs could be one story at best: if one source had published both at one time.

    Those that `firm_only` marks must be firm besides. Nine in ten of those proposed could not, and nothing else about
    them has to be known. Not to be asked of versions of one item, to which less applies.
    """
    from worker.core.measure import screen

    hopeful = np.zeros(len(pairs), np.bool_)
    for laid in _laid(told, pairs):
        hopeful[laid.start : laid.end] = screen(
            laid.words, laid.starts, laid.headlines, laid.pairs, ENOUGH, _WEIGHTS, features.BIAS,
            firm_only[laid.start : laid.end], match.FIRM,
        )  # fmt: skip
    return hopeful


def verify(
    told: Mapping[int, Told], profiles: Mapping[int, match.Profile], pairs: Pairs
) -> Iterator[tuple[int, Evidence, match.Decision]]:
    """Yield of each pair that is one story its number, why, and how the two are related; the evidence has the target
    as a.

    The same as `compare` and `decide` pair by pair, for all that share enough of a passage, and several times faster.
    """
    from worker.core.measure import measure

    for laid in _laid(told, pairs):
        mine = pairs[laid.start : laid.end].tolist()
        terms = np.array([_terms(profiles[a], profiles[b]) for a, b in mine])
        found = measure(laid.words, laid.starts, laid.headlines, laid.pairs, ENOUGH, terms, _WEIGHTS, features.BIAS)
        kept = found.kept.tolist()
        lengths = [(len(told[mine[at][0]][0]), len(told[mine[at][1]][0])) for at in kept]
        for at, seen in zip(kept, evidence(found, lengths), strict=True):
            a, b = mine[at]
            decision = match.decide(seen, profiles[a], profiles[b])
            if decision.relation is not None:
                yield laid.start + at, seen, decision


def _laid(told: Mapping[int, Told], pairs: Pairs, start: int = 0) -> Iterator[_Laid]:
    """Lay the words of the texts of these pairs side by side: of all, or if that is too much of each half by itself."""
    if not len(pairs):
        return
    texts, numbers = np.unique(pairs, return_inverse=True)
    own = [told[text] for text in texts.tolist()]
    starts = np.cumsum([0, *(len(words) for words, _ in own)])
    if starts[-1] > BATCH and len(pairs) > 1:
        half = len(pairs) // 2
        yield from _laid(told, pairs[:half], start)
        yield from _laid(told, pairs[half:], start + half)
        return
    words = np.concatenate([words for words, _ in own])
    headlines = np.array([headline for _, headline in own], np.int64)
    yield _Laid(start, start + len(pairs), words, starts, headlines, numbers.reshape(-1, 2))


def _terms(a: match.Profile, b: match.Profile) -> tuple[float, float, float]:
    """What `measure` asks of two profiles."""
    apart = features.time_apart(match.hours_apart(a, b))
    return apart, float(not a.sources.isdisjoint(b.sources)), float(not a.items.isdisjoint(b.items))


_WEIGHTS: Final = np.array(list(features.WEIGHTS.values()))
