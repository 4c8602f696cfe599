"""Which words and shingles two texts have in common, whatever their order: compiled, for one text against many."""

from typing import Any, Final, NamedTuple

import numpy as np

from worker.core.alignment import HEADLINE, NUMBERS, TOLD, VOCABULARY
from worker.core.kernel import compiled, mix
from worker.core.tables import PASSAGE, table_size, word_key, word_place

SHINGLE: Final = 5

# Where each ratio stands.
CONTAINMENT: Final = 0
JACCARD: Final = 2
LEAD_SHARED: Final = 3
LEAD_TOLD: Final = 5
RATIOS: Final = 7

_CLASS: Final = np.uint32(3)
_HASH: Final = np.uint32(2)


class Scratch(NamedTuple):
    """Room to work in, made once for all others. Marks hold the number of the text they were made for."""

    masked: Any
    hits: Any
    head: Any
    chain: Any
    covered: Any
    covered_target: Any
    passages: Any
    seen: Any
    stock_seen: Any
    run_seen: Any
    shingles: Any
    shingle_owner: Any
    shingle_seen: Any
    state: Any
    """Words of the shingles in the table, how many distinct ones the target has."""


@compiled
def make_room(target, longest):  # type: ignore[no-untyped-def]
    """Room to hold others of up to `longest` words against a target."""
    longer = max(longest, len(target.words))
    shingles, _ = table_size(len(target.words) + longest)
    return Scratch(
        masked=np.empty(longest, np.uint32),
        hits=np.empty(longest, np.int32),
        head=np.full(len(target.head), -1, np.int32),
        chain=np.empty(longest, np.int32),
        covered=np.empty(longest, np.uint8),
        covered_target=np.empty(len(target.words), np.uint8),
        passages=np.empty((longer // PASSAGE + 1, 3), np.int32),
        seen=np.zeros(len(target.word_keys), np.int32),
        stock_seen=np.zeros(len(target.stock_keys), np.int32),
        run_seen=np.zeros(len(target.head), np.int32),
        shingles=np.empty(shingles, np.uint64),
        shingle_owner=np.empty(shingles, np.int32),
        shingle_seen=np.empty(shingles, np.int32),
        state=np.zeros(2, np.int64),
    )


class Vocabularies(NamedTuple):
    """The distinct words of texts that lie side by side, listed when first asked for: most are held against several."""

    words: Any
    """Of each text where its words begin, as they first appear, each with the highest class it has anywhere."""
    counts: Any
    """How many there are; -1 of a text that was not asked for yet."""
    headlines: Any
    """How many of them stand in the headline."""
    places: Any
    """Room for a table of places in such a list, from 1."""


@compiled
def vocabularies(words, starts):  # type: ignore[no-untyped-def]
    """Room for the distinct words of all texts."""
    longest = 0
    for text in range(len(starts) - 1):
        longest = max(longest, starts[text + 1] - starts[text])
    size, _ = table_size(longest)
    counts = np.full(len(starts) - 1, -1, np.int64)
    return Vocabularies(np.empty(len(words), np.uint32), counts, np.empty_like(counts), np.empty(size, np.int32))


@compiled
def vocabulary(known, text, words, start, headline):  # type: ignore[no-untyped-def]
    """The distinct words of a text, given its words and where they begin."""
    out = known.words[start : start + len(words)]
    if known.counts[text] < 0:
        size, _ = table_size(len(words))
        places = known.places[:size]
        places[:] = 0
        count = own = 0
        for i in range(len(words)):
            key = np.int64(word_key(words[i]))
            at = key & (size - 1)
            while places[at] and (out[places[at] - 1] ^ words[i]) >> _HASH != 0:
                at = (at + 1) & (size - 1)
            if places[at]:
                first = places[at] - 1
                if out[first] & _CLASS < words[i] & _CLASS:
                    out[first] = words[i]
                continue
            out[count] = words[i]
            count += 1
            places[at] = count
            own += i < headline
        known.counts[text], known.headlines[text] = count, own
    return out[: known.counts[text]]


@compiled
def count_words(target, distinct, headline, number, seen, counts):  # type: ignore[no-untyped-def]
    """Count distinct words of each class, and of all, in the texts and in their headlines.

    `distinct` are those of the other text, the first `headline` of them its headline's. A word that is a name in one of
    the texts is a name in both.
    """
    for one in range(1, 4):
        counts[NUMBERS + 3 * (one - 1)] = target.kinds[one]
    shared = 0
    for i in range(len(distinct)):
        kind: Any = np.int64(distinct[i] & _CLASS)
        at = word_place(target.word_keys, distinct[i])
        if target.word_keys[at]:
            shared += 1
            seen[at] = number
            before = np.int64(target.kind[at])
            if kind > before:
                counts[NUMBERS + 3 * (kind - 1)] += 1
                if before:
                    counts[NUMBERS + 3 * (before - 1)] -= 1
            kind = max(kind, before)
            if kind:
                counts[NUMBERS + 3 * (kind - 1) + 2] += 1
            if i < headline:
                counts[TOLD + 1] += 1
                counts[HEADLINE + 2] += target.in_headline[at]
        if kind:
            counts[NUMBERS + 3 * (kind - 1) + 1] += 1
    counts[HEADLINE], counts[HEADLINE + 1] = len(target.headline_places), headline
    counts[VOCABULARY], counts[VOCABULARY + 1], counts[VOCABULARY + 2] = target.kinds.sum(), len(distinct), shared


@compiled
def count_seen(places, number, seen):  # type: ignore[no-untyped-def]
    """How many of the target's words stand anywhere in the other text."""
    told = 0
    for at in places:
        told += seen[at] == number
    return told


@compiled
def lead_told(target, lead):  # type: ignore[no-untyped-def]
    """Share of the distinct words of a lead that stand anywhere in the target."""
    told = distinct = 0
    for i in range(len(lead)):
        new = True
        for j in range(i):
            new &= (lead[i] ^ lead[j]) >> _HASH != 0
        if new:
            distinct += 1
            told += target.word_keys[word_place(target.word_keys, lead[i])] != 0
    return told / max(distinct, 1)


@compiled
def overlap(target, other, number, scratch, ratios):  # type: ignore[no-untyped-def]
    """Containment and Jaccard similarity of the sets of shingles."""
    n = max(1, min(SHINGLE, len(target.words), len(other)))
    if scratch.state[0] != n:
        scratch.state[0] = n
        scratch.shingle_owner[:] = 0
        scratch.shingle_seen[:] = 0
        scratch.state[1], _ = _add_shingles(target.words, n, -1, scratch)
    new, both = _add_shingles(other, n, number, scratch)
    in_a, in_b = scratch.state[1], new + both
    if both:
        ratios[CONTAINMENT], ratios[CONTAINMENT + 1] = both / in_a, both / in_b
        ratios[JACCARD] = both / (in_a + in_b - both)


@compiled
def _add_shingles(words, n, number, scratch):  # type: ignore[no-untyped-def]
    """Enter a text's shingles; returns how many distinct ones were new, and how many are the target's as well."""
    keys, owner, seen = scratch.shingles, scratch.shingle_owner, scratch.shingle_seen
    new = both = 0
    for i in range(len(words) - n + 1):
        key = np.uint64(n)
        for j in range(n):
            key = (key + np.uint64(words[i + j] >> _HASH)) * np.uint64(0x9E3779B97F4A7C15)
        key = mix(key)
        at = np.int64(key & np.uint64(len(keys) - 1))
        while (owner[at] == -1 or owner[at] == number) and keys[at] != key:
            at = (at + 1) & (len(keys) - 1)
        if owner[at] != -1 and owner[at] != number:
            keys[at], owner[at] = key, number
            new += 1
        elif owner[at] == -1 and number != -1 and seen[at] != number:
            seen[at] = number
            both += 1
    return new, both
