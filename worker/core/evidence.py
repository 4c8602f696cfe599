"""What two texts share and where they differ, word by word: the only ground on which a pair is decided."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

Words = NDArray[np.uint32]
"""One number a word: 30 bits of hash, then 2 bits of class (0 plain, 1 number, 2 name, 3 calendar)."""

SHINGLE: Final = 5
"""Words in a shingle. Five is what text-reuse studies use; three or four let stock phrases count as copies."""

PASSAGE: Final = 3
"""Shortest run of equal words that is called a shared passage."""

PASSAGES_KEPT: Final = 20
LEAD: Final = 30
"""Words of body text that count as its lead: about the first two sentences."""
LONG: Final = 8
"""From this many words on a shared passage is hardly ever chance or idiom."""

_GAP = 8  # words between two aligned stretches that still count as one slot
_TRIES = 24  # places in the other text that are tried for one start: bounds the work on repetitive texts

_NUMBER = 1
_NAME = 2
_CALENDAR = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """An exact comparison of texts a and b. Swapping them swaps the `_a` and `_b` fields and nothing else.

    Counts are of words. `numbers_*`, `names_*`, `calendar_*` and `vocabulary_*` count distinct ones in a, in b and
    in both. Slots are the places of numbers and calendar words where both texts run alike around them: `slots_agree`
    hold the same value in both, `slots_conflict` another; `names_conflict` counts slots in which names differ.
    """

    jaccard: float
    containment_a: float
    """Share of a's distinct shingles that stand in b."""
    containment_b: float
    words_a: int
    words_b: int
    shared_words: int
    """Words inside shared passages."""
    long_words: int
    """Words inside shared passages of at least `LONG` words."""
    long_passages: int
    """How many shared passages are as long as that."""
    longest_passage: int
    passages: tuple[tuple[int, int, int], ...]
    """(start in a, start in b, words), longest first; at most `PASSAGES_KEPT`."""
    facts: int
    """Numbers, names and calendar words inside shared passages."""
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
    slots_agree: int
    slots_conflict: int
    names_conflict: int
    headline_a: int
    headline_b: int
    headline_shared: int
    headline_told_a: int
    """Distinct words of a's headline that stand anywhere in b."""
    headline_told_b: int
    lead_told_a: float
    """Share of the words of a's lead that stand anywhere in b."""
    lead_told_b: float
    span_a: int
    """Words of a from the start of the first long shared passage to the end of the last."""
    span_b: int
    lead_a: float
    """Share of a's lead that stands in shared passages."""
    lead_b: float


def compare(a: Words, a_headline: int, b: Words, b_headline: int) -> Evidence:
    """Compare two texts given as word arrays that begin with `*_headline` words of headline.

    Passages are found by greedy tiling (Wise 1993, "running Karp-Rabin matching and greedy string tiling"), from left
    to right and on texts whose numbers and calendar words are masked, so that a template lines up with itself and its
    slots can be read off. Works on any words; takes some 10 µs per 100 words.
    """
    swapped = _comes_after(a, b)
    if swapped:
        a, a_headline, b, b_headline = b, b_headline, a, a_headline
    counts, ratios, passages = _compare(a, a_headline, b, b_headline)
    order = np.lexsort((passages[:, 1], passages[:, 0], -passages[:, 2]))[:PASSAGES_KEPT]
    first, second = (1, 0) if swapped else (0, 1)
    c = [int(count) for count in counts]
    pairs = {name: (c[at + first], c[at + second], c[at + 2]) for name, at in _TRIPLES.items()}
    fields: dict[str, Any] = {}
    for name, (of_a, of_b, both) in pairs.items():
        fields |= {f"{name}_a": of_a, f"{name}_b": of_b, f"{name}_shared": both}
    return Evidence(
        jaccard=float(ratios[2]),
        containment_a=float(ratios[first]),
        containment_b=float(ratios[second]),
        words_a=len(b) if swapped else len(a),
        words_b=len(a) if swapped else len(b),
        passages=tuple((int(p[first]), int(p[second]), int(p[2])) for p in passages[order]),
        headline_told_a=c[22 + first],
        headline_told_b=c[22 + second],
        span_a=c[24 + first],
        span_b=c[24 + second],
        long_passages=c[26],
        lead_told_a=float(ratios[5 + first]),
        lead_told_b=float(ratios[5 + second]),
        lead_a=float(ratios[3 + first]),
        lead_b=float(ratios[3 + second]),
        **dict(zip(_SINGLES, c, strict=False)),
        **fields,
    )


_SINGLES = ("shared_words", "long_words", "longest_passage", "facts", "slots_agree", "slots_conflict", "names_conflict")
_TRIPLES = {"numbers": 7, "names": 10, "calendar": 13, "vocabulary": 16, "headline": 19}


def _comes_after(a: Words, b: Words) -> bool:
    """Put every pair into one order, so that the result cannot depend on which text came first."""
    return len(a) > len(b) or (len(a) == len(b) and a.tobytes() > b.tobytes())


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _masked(word, cls):  # type: ignore[no-untyped-def]
    if cls == 1 or cls == 3:
        return np.uint64(cls)
    return np.uint64(word >> np.uint32(2)) + np.uint64(8)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _mix(h):  # type: ignore[no-untyped-def]
    """Finaliser of splitmix64: spreads every bit over the word."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _grams(words, n):  # type: ignore[no-untyped-def]
    """One 64-bit hash for each run of n values; never 0."""
    count = max(len(words) - n + 1, 0)
    out = np.empty(count, np.uint64)
    for i in range(count):
        h = np.uint64(0x9E3779B97F4A7C15)
        for j in range(n):
            h = _mix(h ^ words[i + j]) + np.uint64(j)
        out[i] = h | np.uint64(1)
    return out


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _slot(keys, mask, key):  # type: ignore[no-untyped-def]
    at = np.int64(key >> np.uint64(20)) & mask
    while keys[at] != 0 and keys[at] != key:
        at = (at + 1) & mask
    return at


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _table(items):  # type: ignore[no-untyped-def]
    size = 16
    while size < 2 * items:
        size *= 2
    return np.zeros(size, np.uint64), size - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _overlap(a, b):  # type: ignore[no-untyped-def]
    """Distinct values in a, in b and in both."""
    keys, mask = _table(len(a) + len(b))
    seen = np.zeros(mask + 1, np.uint8)
    for key in a:
        at = _slot(keys, mask, key)
        keys[at] = key
        seen[at] |= 1
    for key in b:
        at = _slot(keys, mask, key)
        keys[at] = key
        seen[at] |= 2
    in_a = in_b = both = 0
    for flags in seen:
        in_a += flags & 1
        in_b += flags >> 1
        both += flags == 3
    return in_a, in_b, both


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _kinds(a, b, out):  # type: ignore[no-untyped-def]
    """Distinct numbers, names, calendar words and words of any class in a, in b and in both."""
    keys, mask = _table(len(a) + len(b))
    seen = np.zeros(mask + 1, np.uint8)
    kind = np.zeros(mask + 1, np.uint8)
    for side in range(2):
        for word in a if side == 0 else b:
            key = _mix(np.uint64(word >> np.uint32(2)) + np.uint64(1)) | np.uint64(1)
            at = _slot(keys, mask, key)
            keys[at] = key
            seen[at] |= side + 1
            kind[at] = max(kind[at], word & np.uint32(3))
    for at in range(mask + 1):
        if seen[at]:
            for base in (7 + 3 * (np.int64(kind[at]) - 1), 16):
                if base >= 7:
                    out[base] += seen[at] & 1
                    out[base + 1] += seen[at] >> 1
                    out[base + 2] += seen[at] == 3


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _run(a, b, ma, mb, i, j):  # type: ignore[no-untyped-def]
    """Length of the masked run that starts at a[i] and b[j], its equal words and those of them that are no slot."""
    length = equal = plain = 0
    while i + length < len(ma) and j + length < len(mb) and ma[i + length] == mb[j + length]:
        if (a[i + length] ^ b[j + length]) >> np.uint32(2) == 0:
            equal += 1
            plain += ma[i + length] >= 8
        length += 1
    return length, equal, plain


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _gap(a, b, a_from, a_to, b_from, b_to, cls):  # type: ignore[no-untyped-def]
    """Words of a class in a gap of both texts: 0 none in one of them, 1 some in common, 2 all different."""
    state = 0
    for i in range(a_from, a_to):
        if a[i] & np.uint32(3) == cls:
            for j in range(b_from, b_to):
                if b[j] & np.uint32(3) == cls:
                    if (a[i] ^ b[j]) >> np.uint32(2) == 0:
                        return 1
                    state = 2
    return state


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _respelt(a, b, a_from, a_to, b_from, b_to):  # type: ignore[no-untyped-def]
    """A short gap holds a number in one text and words in the other: 1.5 and two."""
    if not (0 < a_to - a_from <= 2 and 0 < b_to - b_from <= 2):
        return False
    in_a = in_b = False
    for i in range(a_from, a_to):
        in_a |= a[i] & np.uint32(3) == 1
    for j in range(b_from, b_to):
        in_b |= b[j] & np.uint32(3) == 1
    return in_a != in_b


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _compare(a, a_headline, b, b_headline):  # type: ignore[no-untyped-def]
    counts = np.zeros(27, np.int64)
    ratios = np.zeros(7, np.float64)
    na, nb = len(a), len(b)
    ha = np.empty(na, np.uint64)
    hb = np.empty(nb, np.uint64)
    ma = np.empty(na, np.uint64)
    mb = np.empty(nb, np.uint64)
    for i in range(na):
        ha[i] = a[i] >> np.uint32(2)
        ma[i] = _masked(a[i], a[i] & np.uint32(3))
    for i in range(nb):
        hb[i] = b[i] >> np.uint32(2)
        mb[i] = _masked(b[i], b[i] & np.uint32(3))
    in_a, in_b, both = _overlap(_grams(ha, min(5, na, nb)), _grams(hb, min(5, na, nb)))
    if both:
        ratios[0], ratios[1], ratios[2] = both / in_a, both / in_b, both / (in_a + in_b - both)
    _kinds(a, b, counts)
    words_a, words_b = _grams(ha, 1), _grams(hb, 1)
    counts[19], counts[20], counts[21] = _overlap(words_a[:a_headline], words_b[:b_headline])
    counts[22] = _overlap(words_a[:a_headline], words_b)[2]
    counts[23] = _overlap(words_b[:b_headline], words_a)[2]
    lead_a, lead_b = words_a[a_headline : a_headline + 30], words_b[b_headline : b_headline + 30]
    told_a, told_b = _overlap(lead_a, words_b), _overlap(lead_b, words_a)
    ratios[5], ratios[6] = told_a[2] / max(told_a[0], 1), told_b[2] / max(told_b[0], 1)

    # Index the masked 3-grams of a: table -> first position, then a chain in order of position.
    grams_a, grams_b = _grams(ma, 3), _grams(mb, 3)
    keys, mask = _table(len(grams_a))
    head = np.full(mask + 1, -1, np.int32)
    chain = np.full(len(grams_a), -1, np.int32)
    for i in range(len(grams_a) - 1, -1, -1):
        at = _slot(keys, mask, grams_a[i])
        keys[at] = grams_a[i]
        chain[i] = head[at]
        head[at] = i

    covered_a = np.zeros(na, np.uint8)
    covered_b = np.zeros(nb, np.uint8)
    passages = np.empty((nb // 3 + 1, 3), np.int32)
    found = 0
    end_a = end_b = -1  # where the last aligned stretch ended
    j = 0
    while j < len(grams_b):
        best_i, best_length, best_equal, best_plain = -1, 0, 0, 0
        i = head[_slot(keys, mask, grams_b[j])]
        tries = 24
        while i >= 0 and tries > 0:
            length, equal, plain = _run(a, b, ma, mb, i, j)
            # Of equally good places the one that goes on where the last stretch ended.
            if (equal, length, i == end_a) > (best_equal, best_length, best_i == end_a):
                best_i, best_length, best_equal, best_plain = i, length, equal, plain
            i = chain[i]
            tries -= 1
        if best_plain < 4:
            j += 1
            continue
        i = best_i
        if end_b >= 0 and 0 <= i - end_a <= 8 and j - end_b <= 8:
            for cls in (1, 3):
                state = _gap(a, b, end_a, i, end_b, j, cls)
                counts[4] += state == 1
                counts[5] += state == 2
            counts[5] += _respelt(a, b, end_a, i, end_b, j)
            counts[6] += _gap(a, b, end_a, i, end_b, j, 2) == 2
        run = 0
        for k in range(best_length + 1):
            if k < best_length and (a[i + k] ^ b[j + k]) >> np.uint32(2) == 0:
                run += 1
                counts[4] += ma[i + k] < 8
                continue
            if k < best_length:
                counts[5] += 1
            if run >= 3:
                passages[found, 0], passages[found, 1], passages[found, 2] = i + k - run, j + k - run, run
                found += 1
                for m in range(k - run, k):
                    covered_a[i + m] = covered_b[j + m] = 1 + (run >= 8)
                counts[2] = max(counts[2], run)
                counts[26] += run >= 8
            run = 0
        end_a, end_b = i + best_length, j + best_length
        j = end_b
    shared_a = long_a = facts = 0
    for i in range(na):
        shared_a += covered_a[i] > 0
        long_a += covered_a[i] > 1
    shared_b = long_b = 0
    for i in range(nb):
        shared_b += covered_b[i] > 0
        long_b += covered_b[i] > 1
        facts += covered_b[i] > 0 and b[i] & np.uint32(3) != 0
    counts[24], counts[25] = _span(covered_a), _span(covered_b)
    counts[0], counts[1], counts[3] = min(shared_a, shared_b), min(long_a, long_b), facts
    ratios[3] = _lead(covered_a, a_headline)
    ratios[4] = _lead(covered_b, b_headline)
    return counts, ratios, passages[:found]


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _lead(covered, headline):  # type: ignore[no-untyped-def]
    end = min(len(covered), headline + 30)
    total = 0
    for i in range(headline, end):
        total += covered[i] > 0
    return total / max(end - headline, 1)


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _span(covered):  # type: ignore[no-untyped-def]
    first, last = -1, -2
    for i in range(len(covered)):
        if covered[i] > 1:
            first = i if first < 0 else first
            last = i
    return last - first + 1 if last >= 0 else 0
