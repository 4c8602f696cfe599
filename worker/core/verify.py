"""Which of many proposed pairs of texts are one story: screened, measured and decided in one go."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

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
class Laid:
    """The words of some texts side by side."""

    texts: NDArray[np.int64]
    """Ascending."""
    order: NDArray[np.int64]
    """Where each of these stands in here."""
    words: NDArray[np.uint32]
    starts: NDArray[np.int64]
    """Where each one's words begin; one more than there are texts."""
    headlines: NDArray[np.int64]

    @staticmethod
    def of(rows: Iterable[tuple[int, Any, int]]) -> "Laid":
        """From (id, words as they are stored, words of the headline), each copied once, as it comes."""
        texts, ends, headlines, laid = [], [0], [], bytearray()
        for text, words, headline in rows:
            laid.extend(words)  # by themselves as bytes: `+=` would ask numpy to add
            texts.append(text)
            ends.append(len(laid))
            headlines.append(headline)
        words = np.frombuffer(laid, "<u4").astype(np.uint32, copy=False)
        ids = np.array(texts, np.int64)
        order = np.argsort(ids)
        return Laid(ids[order], order, words, np.array(ends, np.int64) // 4, np.array(headlines, np.int64))

    def numbers(self, texts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where texts stand in here. Raises KeyError if one does not."""
        at = np.searchsorted(self.texts, texts).clip(max=len(self.texts) - 1)
        if not np.array_equal(self.texts[at], texts):
            raise KeyError(f"texts without words: {sorted(set(texts[self.texts[at] != texts].tolist()))[:5]}")
        return self.order.take(at)

    def told(self, text: int) -> Told:
        """A copy of what one text says."""
        at = self.order[np.searchsorted(self.texts, text)]
        return self.words[self.starts[at] : self.starts[at + 1]].copy(), int(self.headlines[at])


def promising(laid: Laid, pairs: Pairs, firm_only: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which of these pairs could be one story at best: if one source had published both at one time.

    Those that `firm_only` marks must be firm besides. Nine in ten of those proposed could not, and nothing else about
    them has to be known. Not to be asked of versions of one item, to which less applies.
    """
    from worker.core.measure import screen

    numbers = laid.numbers(pairs)
    hopeful = screen(
        laid.words, laid.starts, laid.headlines, numbers, ENOUGH, _WEIGHTS, features.BIAS, firm_only, match.FIRM
    )
    return cast("NDArray[np.bool_]", hopeful)


def verify(
    told: Mapping[int, Told], profiles: Mapping[int, match.Profile], pairs: Pairs
) -> Iterator[tuple[int, Evidence, match.Decision]]:
    """Yield of each pair that is one story its number, why, and how the two are related; the evidence has the target
    as a.

    The same as `compare` and `decide` pair by pair, for all that share enough of a passage, and several times faster.
    """
    from worker.core.measure import measure

    for start, end in _parts(told, pairs):
        mine = pairs[start:end].tolist()
        laid = Laid.of((text, *told[text]) for text in {text for pair in mine for text in pair})
        terms = np.array([_terms(profiles[a], profiles[b]) for a, b in mine])
        numbers = laid.numbers(pairs[start:end])
        found = measure(laid.words, laid.starts, laid.headlines, numbers, ENOUGH, terms, _WEIGHTS, features.BIAS)
        kept = found.kept.tolist()
        lengths = [(len(told[mine[at][0]][0]), len(told[mine[at][1]][0])) for at in kept]
        for at, seen in zip(kept, evidence(found, lengths), strict=True):
            a, b = mine[at]
            decision = match.decide(seen, profiles[a], profiles[b])
            if decision.relation is not None:
                yield start + at, seen, decision


def _parts(told: Mapping[int, Told], pairs: Pairs, start: int = 0) -> Iterator[tuple[int, int]]:
    """Cut these pairs, from number `start` on, into parts of at most `BATCH` words, or one pair."""
    if not len(pairs):
        return
    if sum(len(told[text][0]) for text in np.unique(pairs).tolist()) > BATCH and len(pairs) > 1:
        half = len(pairs) // 2
        yield from _parts(told, pairs[:half], start)
        yield from _parts(told, pairs[half:], start + half)
        return
    yield start, start + len(pairs)


def _terms(a: match.Profile, b: match.Profile) -> tuple[float, float, float]:
    """What `measure` asks of two profiles."""
    apart = features.time_apart(match.hours_apart(a, b))
    return apart, float(not a.sources.isdisjoint(b.sources)), float(not a.items.isdisjoint(b.items))


_WEIGHTS: Final = np.array(list(features.WEIGHTS.values()))
