"""A text made ready to be held against many others: its words and short runs of words, looked up in a few ns each.

All tables have open addressing and places in powers of two. Hashes of 64 bits are taken for what they are of.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from worker.core.kernel import CALENDAR, NAME, NUMBER, compiled, mix

PASSAGE: Final = 3
"""Words of the runs that are looked up. Masked: all numbers count as equal, and all calendar words."""
STOCK: Final = 6
"""Words of the longer runs that tell a passage from a stock phrase, masked as well."""

_HASH: Final = np.uint32(2)  # bits to shift a word by, to be left with its hash
_SLOT: Final = np.uint32(NUMBER & CALENDAR & ~NAME)  # the bit that numbers and calendar words have
_CLASS: Final = np.uint32(3)
FIRST_WORD: Final = np.uint32(8)
"""Masked values from here on are words, under it numbers and calendar words."""
_FIRST: Final = np.uint64(0x9E3779B97F4A7C15)  # odd, and without a pattern: products spread over all bits
_SECOND: Final = np.uint64(0xBF58476D1CE4E5B9)
_THIRD: Final = np.uint64(0x94D049BB133111EB)
_SIEVE: Final = 5  # log2 of the bits of the sieve for each place of the table


class Target(NamedTuple):
    """The tables of one text. Runs are numbered as they first appear."""

    words: Any
    headline: int
    masked: Any
    runs: Any
    """The run that starts at each word."""
    sieve: Any
    """Bits; where a run's is not set, the text has no such run."""
    run_keys: Any
    run_numbers: Any
    head: Any
    """The first place of each run; -1 for those of numbers and calendar words only, which say nothing."""
    chain: Any
    """The next place of the run that starts at each word."""
    stock_keys: Any
    stock_counts: Any
    word_keys: Any
    """What `word_place` looks up: hash + 1."""
    kind: Any
    """The highest class a word has anywhere."""
    in_headline: Any
    """Whether it stands in the headline."""
    headline_places: Any
    """The places of the distinct words of the headline,"""
    lead_places: Any
    """and of those of the lead."""
    kinds: Any
    """How many distinct words there are of each class."""
    facts: int
    """Numbers, names and calendar words,"""
    slots: int
    """and those of them that are no names."""


@compiled
def mask(words, out):  # type: ignore[no-untyped-def]
    """Words as values that are the same for all numbers, and for all calendar words."""
    for i in range(len(words)):
        kind = words[i] & _CLASS
        out[i] = kind if kind & _SLOT else (words[i] >> _HASH) + FIRST_WORD


@compiled
def table_size(items):  # type: ignore[no-untyped-def]
    """Places for a table that is at most half full, and by how much to shift a hash for one of them."""
    size, shift = 64, 58
    while size < 2 * items:
        size, shift = 2 * size, shift - 1
    return size, np.uint64(shift)


@compiled
def place(keys, shift, key):  # type: ignore[no-untyped-def]
    """Where a key stands or should stand. Keys are hashes, of which the upper bits count, and never 0."""
    at = np.int64(key >> shift)
    while keys[at] != 0 and keys[at] != key:
        at = (at + 1) & (len(keys) - 1)
    return at


@compiled
def shift_of(keys):  # type: ignore[no-untyped-def]
    """By how much to shift a hash for a place in a table."""
    shift = np.uint64(64)
    size = len(keys)
    while size > 1:
        size >>= 1
        shift -= np.uint64(1)
    return shift


@compiled
def run_key(masked, i):  # type: ignore[no-untyped-def]
    """Hash of the `PASSAGE` masked words from a place on; never 0."""
    h = np.uint64(masked[i]) * _FIRST + np.uint64(masked[i + 1]) * _SECOND + np.uint64(masked[i + 2]) * _THIRD
    return (h ^ (h >> np.uint64(32))) * _FIRST | np.uint64(1)


@compiled
def stock_key(runs, i):  # type: ignore[no-untyped-def]
    """Hash of the `STOCK` masked words from a place on, of the two runs they are; never 0."""
    return mix(np.uint64(runs[i]) << np.uint64(32) | np.uint64(runs[i + PASSAGE])) | np.uint64(1)


@compiled
def all_slots(masked, i):  # type: ignore[no-untyped-def]
    """Whether a run is of numbers and calendar words only."""
    return masked[i] < FIRST_WORD and masked[i + 1] < FIRST_WORD and masked[i + 2] < FIRST_WORD


@compiled
def link_runs(masked, runs, head, chain):  # type: ignore[no-untyped-def]
    """Chain the places of each run, first to last. `head` holds -1 before."""
    for i in range(len(runs) - 1, -1, -1):
        if runs[i] >= 0 and not all_slots(masked, i):
            chain[i] = head[runs[i]]
            head[runs[i]] = i


@compiled
def prepare(words, headline, lead):  # type: ignore[no-untyped-def]
    """Make the tables of a text that is to be held against others; its lead has `lead` words."""
    masked = np.empty(len(words), np.uint32)
    mask(words, masked)
    count = max(len(words) - PASSAGE + 1, 0)
    runs = np.empty(count, np.int32)
    size, shift = table_size(2 * count)
    run_keys = np.zeros(size, np.uint64)
    run_numbers = np.empty(size, np.int32)
    sieve = np.zeros(size << _SIEVE >> 6, np.uint64)
    found = 0
    for i in range(count):
        key = run_key(masked, i)
        at = place(run_keys, shift, key)
        if run_keys[at] == 0:
            run_keys[at], run_numbers[at] = key, found
            found += 1
            bit = key >> (shift - np.uint64(_SIEVE))
            sieve[np.int64(bit >> np.uint64(6))] |= np.uint64(1) << (bit & np.uint64(63))
        runs[i] = run_numbers[at]
    head = np.full(found, -1, np.int32)
    chain = np.full(count, -1, np.int32)
    link_runs(masked, runs, head, chain)
    stock_keys, stock_counts = _stock(runs)
    word_keys, kind, in_headline = _vocabulary(words, headline)
    kinds = np.zeros(4, np.int64)
    facts = slots = 0
    for i in range(len(words)):
        facts += words[i] & _CLASS != 0
        slots += masked[i] < FIRST_WORD
    for at in range(len(word_keys)):
        if word_keys[at]:
            kinds[kind[at]] += 1
    return Target(
        words, headline, masked, runs, sieve, run_keys, run_numbers, head, chain, stock_keys, stock_counts,
        word_keys, kind, in_headline, _distinct(word_keys, words[:headline]),
        _distinct(word_keys, words[headline : headline + lead]), kinds, facts, slots,
    )  # fmt: skip


@compiled
def _stock(runs):  # type: ignore[no-untyped-def]
    """The runs of `STOCK` words, and how often each stands there."""
    size, shift = table_size(len(runs))
    keys = np.zeros(size, np.uint64)
    counts = np.zeros(size, np.int32)
    for i in range(len(runs) - PASSAGE):
        key = stock_key(runs, i)
        at = place(keys, shift, key)
        keys[at] = key
        counts[at] += 1
    return keys, counts


@compiled
def _vocabulary(words, headline):  # type: ignore[no-untyped-def]
    size, _ = table_size(len(words))
    keys = np.zeros(size, np.uint32)
    kind = np.zeros(size, np.uint8)
    in_headline = np.zeros(size, np.bool_)
    for i in range(len(words)):
        at = word_place(keys, words[i])
        keys[at] = word_key(words[i])
        kind[at] = max(kind[at], words[i] & _CLASS)
        in_headline[at] |= i < headline
    return keys, kind, in_headline


@compiled
def _distinct(keys, words):  # type: ignore[no-untyped-def]
    """The places of distinct words."""
    out = np.empty(len(words), np.int32)
    found = 0
    for word in words:
        at = word_place(keys, word)
        new = True
        for i in range(found):
            new &= out[i] != at
        if new:
            out[found] = at
            found += 1
    return out[:found]


@compiled
def word_key(word):  # type: ignore[no-untyped-def]
    """A word whatever its class; never 0."""
    return (word >> _HASH) + np.uint32(1)


@compiled
def word_place(keys, word):  # type: ignore[no-untyped-def]
    """Where a word stands or should stand in a table; words are hashes already."""
    key = word_key(word)
    at = np.int64(key) & (len(keys) - 1)
    while keys[at] != 0 and keys[at] != key:
        at = (at + 1) & (len(keys) - 1)
    return at


@compiled
def look_up(target, masked, hits):  # type: ignore[no-untyped-def]
    """For each run of another text, the number it has in the target, or -1."""
    shift = shift_of(target.run_keys)
    fine = shift - np.uint64(_SIEVE)
    for i in range(len(hits)):
        key = run_key(masked, i)
        bit = key >> fine
        hits[i] = -1
        if target.sieve[np.int64(bit >> np.uint64(6))] >> (bit & np.uint64(63)) & np.uint64(1):
            at = place(target.run_keys, shift, key)
            if target.run_keys[at] == key:
                hits[i] = target.run_numbers[at]
