"""The compiled half of `worker.core.evidence`: lines two word arrays up and counts what is alike and what is not."""

from typing import Final

import numpy as np

from worker.core.kernel import CALENDAR, NAME, NUMBER, compiled, mix

SHINGLE: Final = 5
PASSAGE: Final = 3
LONG: Final = 8
LEAD: Final = 30

# Where each count stands. Those with three places count for a, for b and for both; those with two for a and for b.
SHARED: Final = 0
LONG_WORDS: Final = 1
LONGEST: Final = 2
LONG_PASSAGES: Final = 3
FACTS: Final = 4
AGREE: Final = 5
CONFLICT: Final = 6
NAMES_CONFLICT: Final = 7
NUMBERS: Final = 8
NAMES: Final = 11
CALENDARS: Final = 14
VOCABULARY: Final = 17
HEADLINE: Final = 20
TOLD: Final = 23
SPAN: Final = 25
_COUNTS: Final = 27

# Where each ratio stands.
CONTAINMENT: Final = 0
JACCARD: Final = 2
LEAD_SHARED: Final = 3
LEAD_TOLD: Final = 5
_RATIOS: Final = 7

_NUMBER: Final = np.uint32(NUMBER)
_NAME: Final = np.uint32(NAME)
_CALENDAR: Final = np.uint32(CALENDAR)
_CLASS: Final = np.uint32(3)
_HASH: Final = np.uint32(2)  # bits to shift a word by, to be left with its hash
_FIRST_WORD: Final = np.uint64(8)  # masked values from here on are words, under it slots
_FEWEST: Final = 3  # equal words, slots apart, that make a stretch more than chance
_GAP: Final = 8  # words between two stretches that still count as one slot
_RESPELT: Final = 2  # words that a number may be spelt in
_TRIES: Final = 24  # places tried for one start: bounds the work on repetitive texts


@compiled
def measure(a, a_headline, b, b_headline):  # type: ignore[no-untyped-def]
    """Compare word arrays; returns counts, ratios and passages (start in a, start in b, words)."""
    counts = np.zeros(_COUNTS, np.int64)
    ratios = np.zeros(_RATIOS, np.float64)
    keys_a, keys_b = _keys(a), _keys(b)
    _overlaps(keys_a, a_headline, keys_b, b_headline, counts, ratios)
    _count_kinds(a, keys_a, b, keys_b, counts)
    covered_a = np.zeros(len(a), np.uint8)
    covered_b = np.zeros(len(b), np.uint8)
    passages = _align(a, b, covered_a, covered_b, counts)
    _count_covered(b, covered_a, covered_b, counts)
    ratios[LEAD_SHARED] = _lead(covered_a, a_headline)
    ratios[LEAD_SHARED + 1] = _lead(covered_b, b_headline)
    return counts, ratios, passages


@compiled
def _keys(words):  # type: ignore[no-untyped-def]
    """A hash for each word whatever its class; never 0, which is an empty place in the tables below."""
    out = np.empty(len(words), np.uint64)
    for i in range(len(words)):
        out[i] = mix(np.uint64(words[i] >> _HASH) + np.uint64(1)) | np.uint64(1)
    return out


@compiled
def _masked(words):  # type: ignore[no-untyped-def]
    """Words as values that are the same for all numbers, and for all calendar words."""
    out = np.empty(len(words), np.uint64)
    for i in range(len(words)):
        kind = words[i] & _CLASS
        slot = kind in (_NUMBER, _CALENDAR)
        out[i] = np.uint64(kind) if slot else np.uint64(words[i] >> _HASH) + _FIRST_WORD
    return out


@compiled
def _grams(values, n):  # type: ignore[no-untyped-def]
    """One hash for each run of n values; never 0."""
    out = np.empty(max(len(values) - n + 1, 0), np.uint64)
    for i in range(len(out)):
        h = np.uint64(n)
        for j in range(n):
            h = mix(h ^ values[i + j]) + np.uint64(j)
        out[i] = h | np.uint64(1)
    return out


@compiled
def _table(items):  # type: ignore[no-untyped-def]
    """An empty hash table with open addressing, at most half full, and the mask of its places."""
    size = 16
    while size < 2 * items:
        size *= 2
    return np.zeros(size, np.uint64), size - 1


@compiled
def _place(table, mask, key):  # type: ignore[no-untyped-def]
    at = np.int64(key >> np.uint64(20)) & mask
    while table[at] != 0 and table[at] != key:
        at = (at + 1) & mask
    return at


@compiled
def _overlap(a, b):  # type: ignore[no-untyped-def]
    """Distinct values in a, in b and in both."""
    table, mask = _table(len(a) + len(b))
    seen = np.zeros(mask + 1, np.uint8)
    for key in a:
        at = _place(table, mask, key)
        table[at] = key
        seen[at] |= 1
    for key in b:
        at = _place(table, mask, key)
        table[at] = key
        seen[at] |= 2
    in_a = in_b = both = 0
    for flags in seen:
        in_a += flags & 1
        in_b += flags >> 1
        both += flags == 3
    return in_a, in_b, both


@compiled
def _overlaps(a, a_headline, b, b_headline, counts, ratios):  # type: ignore[no-untyped-def]
    """What can be told without order: shingles, headlines and leads in common."""
    n = max(1, min(SHINGLE, len(a), len(b)))
    in_a, in_b, both = _overlap(_grams(a, n), _grams(b, n))
    if both:
        ratios[CONTAINMENT], ratios[CONTAINMENT + 1] = both / in_a, both / in_b
        ratios[JACCARD] = both / (in_a + in_b - both)
    of_a, of_b = a[:a_headline], b[:b_headline]
    counts[HEADLINE], counts[HEADLINE + 1], counts[HEADLINE + 2] = _overlap(of_a, of_b)
    counts[TOLD], counts[TOLD + 1] = _overlap(of_a, b)[2], _overlap(of_b, a)[2]
    lead_a, _, told_a = _overlap(a[a_headline : a_headline + LEAD], b)
    lead_b, _, told_b = _overlap(b[b_headline : b_headline + LEAD], a)
    ratios[LEAD_TOLD], ratios[LEAD_TOLD + 1] = told_a / max(lead_a, 1), told_b / max(lead_b, 1)


@compiled
def _count_kinds(a, keys_a, b, keys_b, counts):  # type: ignore[no-untyped-def]
    """Distinct words of each class, and of all. A word that is a name anywhere is a name."""
    table, mask = _table(len(a) + len(b))
    seen = np.zeros(mask + 1, np.uint8)
    kind = np.zeros(mask + 1, np.uint8)
    for side in range(2):
        words, keys = (a, keys_a) if side == 0 else (b, keys_b)
        for i in range(len(words)):
            at = _place(table, mask, keys[i])
            table[at] = keys[i]
            seen[at] |= side + 1
            kind[at] = max(kind[at], words[i] & _CLASS)
    for at in range(mask + 1):
        _count_seen(seen[at], VOCABULARY, counts)
        if kind[at]:
            _count_seen(seen[at], NUMBERS + 3 * (np.int64(kind[at]) - 1), counts)


@compiled
def _count_seen(flags, base, counts):  # type: ignore[no-untyped-def]
    counts[base] += flags & 1
    counts[base + 1] += flags >> 1
    counts[base + 2] += flags == 3


@compiled
def _align(a, b, covered_a, covered_b, counts):  # type: ignore[no-untyped-def]
    """Tile b with stretches of a, read slots and passages off them; `covered_*` becomes 1 in passages, 2 in long ones.

    From left to right, each time the stretch with most equal words, of equally good ones that which goes on where the
    last one ended.
    """
    ma, mb = _masked(a), _masked(b)
    grams = _grams(mb, PASSAGE)
    table, mask, head, chain = _index(ma)
    passages = np.empty((len(b) // PASSAGE + 1, 3), np.int32)
    found = 0
    end_a = end_b = 0
    j = 0
    while j < len(grams):
        i = head[_place(table, mask, grams[j])]
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
    return passages[:found]


@compiled
def _index(values):  # type: ignore[no-untyped-def]
    """Places of each run of `PASSAGE` values that is not all slots: a table of the first, and a chain to the next."""
    grams = _grams(values, PASSAGE)
    table, mask = _table(len(grams))
    head = np.full(mask + 1, -1, np.int32)
    chain = np.full(len(grams), -1, np.int32)
    for i in range(len(grams) - 1, -1, -1):
        if values[i] < _FIRST_WORD and values[i + 1] < _FIRST_WORD and values[i + 2] < _FIRST_WORD:
            continue
        at = _place(table, mask, grams[i])
        table[at] = grams[i]
        chain[i] = head[at]
        head[at] = i
    return table, mask, head, chain


@compiled
def _stretch(a, b, ma, mb, i, j):  # type: ignore[no-untyped-def]
    """Length of the stretch that starts at a[i] and b[j], its equal words, and those of them that are no slot."""
    length = equal = plain = 0
    while i + length < len(ma) and j + length < len(mb) and ma[i + length] == mb[j + length]:
        if (a[i + length] ^ b[j + length]) >> _HASH == 0:
            equal += 1
            plain += ma[i + length] >= _FIRST_WORD
        length += 1
    return length, equal, plain


@compiled
def _read(a, b, ma, i, j, length, covered_a, covered_b, passages, found, counts):  # type: ignore[no-untyped-def]
    """Read the slots of a stretch, and its runs of equal words as passages; returns how many passages there are now."""
    run = 0
    for k in range(length + 1):
        if k < length and (a[i + k] ^ b[j + k]) >> _HASH == 0:
            run += 1
            counts[AGREE] += ma[i + k] < _FIRST_WORD
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


@compiled
def _lead(covered, headline):  # type: ignore[no-untyped-def]
    """Share of the first words of the body that stand in passages."""
    lead = covered[headline : headline + LEAD]
    total = 0
    for mark in lead:
        total += mark > 0
    return total / max(len(lead), 1)
