"""The compiled half of `worker.core.evidence`: lines two texts up and reads off what stands in the same places.

Greedy tiling (Wise 1993), from left to right.
"""

from typing import Final

import numpy as np

from worker.core.kernel import CALENDAR, NAME, NUMBER, compiled
from worker.core.tables import FIRST_WORD, PASSAGE

LONG: Final = 8

# Where each count stands. Those with three places count for a, for b and for both; those with two for a and for b.
SHARED: Final = 0
LONG_WORDS: Final = 1
LONGEST: Final = 2
LONG_PASSAGES: Final = 3
FACTS: Final = 4
AGREE: Final = 5
CONFLICT: Final = 6
NAMES_CONFLICT: Final = 7
SPAN: Final = 8
NUMBERS: Final = 10
NAMES: Final = 13
CALENDARS: Final = 16
VOCABULARY: Final = 19
HEADLINE: Final = 22
TOLD: Final = 25
COUNTS: Final = 27

_NUMBER: Final = np.uint32(NUMBER)
_NAME: Final = np.uint32(NAME)
_CALENDAR: Final = np.uint32(CALENDAR)
_CLASS: Final = np.uint32(3)
_HASH: Final = np.uint32(2)  # bits to shift a word by, to be left with its hash
_FEWEST: Final = 3  # equal words, slots apart, that make a stretch more than chance
_GAP: Final = 8  # words between two stretches that still count as one slot
_RESPELT: Final = 2  # words that a number may be spelt in
_TRIES: Final = 24  # places tried for one start: bounds the work on repetitive texts


@compiled
def align(a, b, ma, mb, runs, head, chain, covered_a, covered_b, passages, counts):  # type: ignore[no-untyped-def]
    """Tile b with stretches of a, read slots and passages off them; returns how many passages there are.

    `runs` are those of b, by the numbers that `head` and `chain` have for a's. `covered_*` becomes 1 in passages, 2 in
    long ones. Of all stretches at a place that is taken which has most equal words, of equally good ones that which
    goes on where the last one ended.
    """
    found = 0
    end_a = end_b = 0
    j = 0
    while j < len(runs):
        i = head[runs[j]] if runs[j] >= 0 else -1
        tries, best, length, most, plainest = _TRIES, -1, 0, 0, 0
        while i >= 0 and tries > 0:
            run, equal, plain = _stretch(a, b, ma, mb, i, j)
            if (equal, run, i == end_a) > (most, length, best == end_a):
                best, length, most, plainest = i, run, equal, plain
            i = chain[i]
            tries -= 1
        if plainest < _FEWEST:
            j += 1
            continue
        i = best
        while i > 0 and j > end_b and ma[i - 1] == mb[j - 1]:
            i, j, length = i - 1, j - 1, length + 1
        if end_b and 0 <= i - end_a <= _GAP and j - end_b <= _GAP:
            _count_gap(a[end_a:i], b[end_b:j], counts)
        found = _read(a, b, ma, i, j, length, covered_a, covered_b, passages, found, counts)
        end_a, end_b = i + length, j + length
        j = end_b
    _count_covered(b, covered_a, covered_b, counts)
    return found


@compiled
def _stretch(a, b, ma, mb, i, j):  # type: ignore[no-untyped-def]
    """Length of the stretch that starts at a[i] and b[j], its equal words, and those of them that are no slot."""
    length = equal = plain = 0
    while i + length < len(ma) and j + length < len(mb) and ma[i + length] == mb[j + length]:
        if (a[i + length] ^ b[j + length]) >> _HASH == 0:
            equal += 1
            plain += ma[i + length] >= FIRST_WORD
        length += 1
    return length, equal, plain


@compiled
def _read(a, b, ma, i, j, length, covered_a, covered_b, passages, found, counts):  # type: ignore[no-untyped-def]
    """Read the slots of a stretch, and its runs of equal words as passages; returns how many passages there are now."""
    run = 0
    for k in range(length + 1):
        if k < length and (a[i + k] ^ b[j + k]) >> _HASH == 0:
            run += 1
            counts[AGREE] += ma[i + k] < FIRST_WORD
            continue
        counts[CONFLICT] += k < length
        if run >= PASSAGE:
            start = k - run
            passages[found, 0], passages[found, 1], passages[found, 2] = i + start, j + start, run
            found += 1
            covered_a[i + start : i + k] = covered_b[j + start : j + k] = 2 if run >= LONG else 1
            counts[LONGEST] = max(counts[LONGEST], run)
            counts[LONG_PASSAGES] += run >= LONG
        run = 0
    return found


@compiled
def _count_gap(a, b, counts):  # type: ignore[no-untyped-def]
    """Between two stretches that follow each other in both texts: do the same numbers, dates and names stand there?"""
    for kind in (_NUMBER, _CALENDAR):
        state = _compare_gap(a, b, kind)
        counts[AGREE] += state == 1
        counts[CONFLICT] += state == 2
    if 0 < len(a) <= _RESPELT and 0 < len(b) <= _RESPELT:
        counts[CONFLICT] += _has(a, _NUMBER) != _has(b, _NUMBER)  # 1.5 and two
    counts[NAMES_CONFLICT] += _compare_gap(a, b, _NAME) == 2


@compiled
def _compare_gap(a, b, kind):  # type: ignore[no-untyped-def]
    """Words of a class: 0 none in one of them, 1 some in common, 2 all different."""
    state = 0
    for x in a:
        if x & _CLASS == kind:
            for y in b:
                if y & _CLASS == kind:
                    if (x ^ y) >> _HASH == 0:
                        return 1
                    state = 2
    return state


@compiled
def _has(words, kind):  # type: ignore[no-untyped-def]
    for word in words:  # noqa: SIM110 (numba compiles no generators)
        if word & _CLASS == kind:
            return True
    return False


@compiled
def _count_covered(b, covered_a, covered_b, counts):  # type: ignore[no-untyped-def]
    """Words in passages. A passage that one text repeats counts as often as it stands in the other."""
    shared_a, long_a, counts[SPAN] = _extent(covered_a)
    shared_b, long_b, counts[SPAN + 1] = _extent(covered_b)
    counts[SHARED], counts[LONG_WORDS] = min(shared_a, shared_b), min(long_a, long_b)
    for i in range(len(b)):
        counts[FACTS] += covered_b[i] > 0 and b[i] & _CLASS != 0


@compiled
def _extent(covered):  # type: ignore[no-untyped-def]
    """Words in passages, words in long ones, and words from the start of the first long one to the end of the last."""
    shared = long = 0
    first, last = len(covered), -1
    for i in range(len(covered)):
        shared += covered[i] > 0
        if covered[i] > 1:
            long += 1
            first, last = min(first, i), i
    return shared, long, max(last - first + 1, 0)
