"""The compiled inner loops of the fingerprint: one pass over code points, one over words, one over shingles.

Nothing here knows Unicode (that is `alphabet`) or why a constant has its value (that is `fingerprint`).
"""

import sys
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from typing import Any, Final

import numpy as np

# numba loads scipy for matrix products, where it is installed (datasketch brings it): a third of a start, for nothing.
if "scipy" not in sys.modules:
    sys.modules["scipy"] = None  # type: ignore[assignment]
    with suppress(ModuleNotFoundError):  # should numba move it, we start slower
        import_module("numba.np.arraymath")
    del sys.modules["scipy"]

from numba import njit

# What a code point is, in the low 4 bits of its entry in the alphabet.
SEPARATOR: Final = 0
LETTER: Final = 1
DIGIT: Final = 2
SKIP: Final = 3  # as if it were not there
UNSPACED: Final = 4  # a letter of a script that puts no spaces between words
SPACE: Final = 5
NEWLINE: Final = 6
STOP: Final = 7  # ends a sentence
POINT: Final = 8
COMMA: Final = 9
QUOTE: Final = 10
KIND: Final = 15

# Its other bits: case, a second letter to write (as an index into SECOND_LETTERS), and from bit 8 up what it folds to.
UPPER: Final = 16
LOWER: Final = 32
SECOND: Final = 64 | 128
SECOND_LETTERS: Final = (0, ord("s"), ord("e"), ord("h"))
FOLDED: Final = 8
PLAIN: Final = KIND | SECOND | ~0x7F << FOLDED
"""The bits that a letter which folds to one of ASCII's has its kind in, and nothing else."""

NUMBER: Final = 1
NAME: Final = 2
CALENDAR: Final = 3

FNV_PRIME: Final = np.uint64(0x100000001B3)
LOW_31: Final = np.uint64(0x7FFFFFFF)
ZERO: Final[Any] = np.int64(0)  # to count from: numba compiles a function anew for every literal it is called with


def compiled(function: Callable[..., Any]) -> Any:
    """Compile without the interpreter lock, and keep the machine code where a place for it can be found.

    What is kept is thrown away when the file of the function changes, not when one does that it calls into: while
    working on kernels, delete `__pycache__`.
    """
    try:
        return njit(cache=True, nogil=True)(function)
    except RuntimeError:  # a read-only installation without a home directory: compile anew in every process
        return njit(nogil=True)(function)


@compiled
def mix(h):  # type: ignore[no-untyped-def]
    """Finaliser of splitmix64 (Steele et al. 2014): spreads every bit over the word."""
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@compiled
def _entry(codes, at, alphabet):  # type: ignore[no-untyped-def]
    """What the code point at a place is. No bounds are checked: texts end in a newline, which nothing reads past."""
    return np.int64(alphabet[codes[at]])


@compiled
def _next(codes, at, alphabet):  # type: ignore[no-untyped-def]
    """The next place after `at` that is not skipped."""
    at += 1
    while _entry(codes, at, alphabet) & KIND == SKIP:
        at += 1
    return at


@compiled
def _put(text, size, code):  # type: ignore[no-untyped-def]
    """Append a code point as UTF-8 and return the new size."""
    if code < 0x80:
        text[size] = code
        return size + 1
    if code < 0x800:
        text[size] = 0xC0 | code >> 6
        text[size + 1] = 0x80 | code & 63
        return size + 2
    if code < 0x10000:
        text[size] = 0xE0 | code >> 12
        text[size + 1] = 0x80 | code >> 6 & 63
        text[size + 2] = 0x80 | code & 63
        return size + 3
    text[size] = 0xF0 | code >> 18
    text[size + 1] = 0x80 | code >> 12 & 63
    text[size + 2] = 0x80 | code >> 6 & 63
    text[size + 3] = 0x80 | code & 63
    return size + 4


@compiled
def _joins(codes, at, alphabet, kind, before, letters):  # type: ignore[no-untyped-def]
    """Whether a point or comma stands inside a word: 1,500 and 1.5 and U.S. (but not J.Smith)."""
    if kind not in (POINT, COMMA):
        return False
    after = _next(codes, at, alphabet)
    following = _entry(codes, after, alphabet) & KIND
    if before == DIGIT:
        return following == DIGIT
    if kind == COMMA or letters != 1 or following != LETTER:
        return False
    beyond = _entry(codes, _next(codes, after, alphabet), alphabet) & KIND
    return beyond not in (LETTER, DIGIT)


@compiled
def _read_word(codes, at, alphabet, text, size, seed):  # type: ignore[no-untyped-def]
    """Write the folded word that starts at a place, and hash it (FNV-1a over code points, not yet mixed).

    Returns the place after it, the size of the text, the hash, its number of letters and the cases among them.
    """
    h = seed
    length = letters = cases = kind = ZERO  # letters: since the last point
    while True:
        entry = _entry(codes, at, alphabet)
        while entry & PLAIN == LETTER:  # nearly all: in less time than it takes to ask what else it might be
            code = entry >> FOLDED
            text[size] = code
            h = (h ^ np.uint64(code)) * FNV_PRIME
            cases |= entry & (UPPER | LOWER)
            size += 1
            length += 1
            letters += 1
            at += 1
            kind = LETTER
            entry = _entry(codes, at, alphabet)
        before = kind
        kind = entry & KIND
        if kind in (LETTER, DIGIT):
            code = entry >> FOLDED
            size = _put(text, size, code)
            h = (h ^ np.uint64(code)) * FNV_PRIME
            if entry & SECOND:
                code = SECOND_LETTERS[entry >> 6 & 3]
                size = _put(text, size, code)
                h = (h ^ np.uint64(code)) * FNV_PRIME
            cases |= entry & (UPPER | LOWER)
            length += 1
            letters += 1
        elif kind == SKIP:
            kind = before
        elif not _joins(codes, at, alphabet, kind, before, letters):
            return at, size, h, length, cases
        else:
            letters = 0
            if before == DIGIT and kind == POINT:
                text[size] = 46
                size += 1
                h = (h ^ np.uint64(46)) * FNV_PRIME
        at += 1


@compiled
def _read_run(codes, at, alphabet, text, size, seed, words, count):  # type: ignore[no-untyped-def]
    """Write a run of letters without spaces; it gives a word for each two neighbours, or one for a single letter.

    Returns the place after it, the size of the text and the number of words.
    """
    run = 0
    last = seed
    while True:
        entry = _entry(codes, at, alphabet)
        if entry & KIND == UNSPACED:
            size = _put(text, size, entry >> FOLDED)
            code = np.uint64(entry >> FOLDED)
            if run:
                words[count] = _hashed((last ^ code) * FNV_PRIME)
                count += 1
            last = (seed ^ code) * FNV_PRIME
            run += 1
        elif entry & KIND != SKIP:
            break
        at += 1
    if run == 1:
        words[count] = _hashed(last)
        count += 1
    return at, size, count


@compiled
def _hashed(h):  # type: ignore[no-untyped-def]
    """A word of class plain."""
    return np.uint32(mix(h) >> np.uint64(34)) << np.uint32(2)


@compiled
def _classified(word, first, cases, length, opening, calendar):  # type: ignore[no-untyped-def]
    """Put a word's class below its hash, by its first letter, its cases and whether it begins a sentence."""
    mask = calendar.size - 1
    slot = np.int64(word >> np.uint32(2)) & mask
    while calendar[slot]:
        if calendar[slot] | np.uint32(3) == word | np.uint32(3):
            # An entry of class name (May, March) is a date only where it is capitalised.
            if calendar[slot] & np.uint32(3) == CALENDAR or first & UPPER:
                return word | np.uint32(CALENDAR)
            return word
        slot = (slot + 1) & mask
    if first & KIND == DIGIT:
        return word | np.uint32(NUMBER)
    capitals = length > 1 and cases & LOWER == 0
    if first & UPPER and (capitals or not opening):
        return word | np.uint32(NAME)
    return word


@compiled
def _unname(words, start, end):  # type: ignore[no-untyped-def]
    """Make plain words of names, in a line whose capitals say nothing."""
    for i in range(start, end):
        if words[i] & np.uint32(3) == NAME:
            words[i] ^= np.uint32(NAME)


@compiled
def fold(codes, boundary, alphabet, calendar, seed):  # type: ignore[no-untyped-def]
    """Fold and tokenise the code points of headline, newline (at `boundary`), body, newline.

    Returns the folded text (UTF-8; one space between words, a newline after the headline), the words and how many of
    them are the headline's.
    """
    text = np.empty(5 * codes.size + 5, np.uint8)
    words = np.empty(codes.size + 1, np.uint32)
    size = count = headline = line = at = ZERO  # `line`: first word of the line
    opening = True  # the next word begins a sentence
    abbreviation = False  # the last word was short and capitalised: Mr, Gen, U.S.
    before = NEWLINE
    lower = long_lower = False  # whether the line has small letters, and a longer word that starts with one
    while at < codes.size:
        entry = _entry(codes, at, alphabet)
        kind = entry & KIND
        if kind in (LETTER, DIGIT, UNSPACED):
            if count > headline:
                text[size] = 32
                size += 1
            if kind == UNSPACED:
                at, size, count = _read_run(codes, at, alphabet, text, size, seed, words, count)
                abbreviation = False
            else:
                at, size, h, length, cases = _read_word(codes, at, alphabet, text, size, seed)
                words[count] = _classified(_hashed(h), entry, cases, length, opening, calendar)
                count += 1
                abbreviation = entry & UPPER != 0 and length < 4
                lower |= cases & LOWER != 0
                long_lower |= length > 4 and entry & LOWER != 0
            opening = False
            before = kind
            continue
        if kind == STOP or (kind == POINT and not abbreviation):
            opening = True
        elif kind == QUOTE:
            opening |= before in (SPACE, NEWLINE)
        elif kind == SPACE:
            opening |= before == NEWLINE
        elif kind == NEWLINE:
            # A line without small letters is empty, or a heading. Others may be wrapped: their end ends no sentence.
            opening |= not lower or at == boundary
            if not lower or (at == boundary and not long_lower):
                _unname(words, line, count)
            line, lower = count, False
            if at == boundary:
                headline = count
                text[size] = 10
                size += 1
        before = before if kind == SKIP else kind
        at += 1
    return text[:size], words[:count].copy(), headline


@compiled
def shingles(words, size):  # type: ignore[no-untyped-def]
    """One 64-bit hash for each run of `size` words, of their 30-bit hashes alone."""
    count = max(words.size - size + 1, 0)
    out = np.empty(count, np.uint64)
    for i in range(count):
        h = np.uint64(0)
        for j in range(size):
            h = (h + np.uint64(words[i + j] >> np.uint32(2))) * np.uint64(0x9E3779B97F4A7C15)
        out[i] = mix(h)
    return out


@compiled
def signature(hashes, a, b):  # type: ignore[no-untyped-def]
    """MinHash of the upper halves of 64-bit hashes: murmur3 finaliser, then min of a * h + b mod 2**32."""
    mixed = np.empty(hashes.size, np.uint32)
    for i in range(hashes.size):
        h = np.uint32(hashes[i] >> np.uint64(32))
        h = np.uint32((h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B))
        h = np.uint32((h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35))
        mixed[i] = h ^ (h >> np.uint32(16))
    out = np.empty(a.size, np.uint32)
    for k in range(a.size):
        least = np.uint32(0xFFFFFFFF)
        for h in mixed:
            least = min(least, np.uint32(a[k] * h + b[k]))
        out[k] = least
    return out


@compiled
def sample(hashes, target, coarsest, most):  # type: ignore[no-untyped-def]
    """The `target` lowest of the distinct hashes, and all in the lowest 2**-coarsest of their range up to `most`."""
    level = coarsest
    kept = _lowest(hashes, level)
    while kept.size < target and level > 0:
        level -= 1
        kept = _lowest(hashes, level)
    if level < coarsest:
        return kept[:target]
    while kept.size > most:
        level += 1
        kept = _lowest(kept, level)
    return kept


@compiled
def _lowest(hashes, level):  # type: ignore[no-untyped-def]
    """The distinct ones in the lowest 2**-level of the range of hashes, ascending."""
    bound = np.uint64(0xFFFFFFFFFFFFFFFF) >> np.uint64(level)
    kept = np.empty(hashes.size, np.uint64)
    count = 0
    for h in hashes:
        kept[count] = h
        count += h <= bound
    kept = np.sort(kept[:count])
    count = min(count, 1)
    for h in kept[1:]:
        if h != kept[count - 1]:
            kept[count] = h
            count += 1
    return kept[:count]


@compiled
def band_keys(values, rows):  # type: ignore[no-untyped-def]
    """A key below 0 for each band of `rows` values of a signature."""
    keys = np.empty(values.size // rows, np.int32)
    for band in range(keys.size):
        h = np.uint64(band)
        for value in values[band * rows : (band + 1) * rows]:
            h = mix(h ^ np.uint64(value)) + np.uint64(band)
        keys[band] = ~np.int64(h & LOW_31)
    return keys


@compiled
def index_keys(words, shingle, target, coarsest, most, band_shingle, band_limit, a, b, rows):  # type: ignore[no-untyped-def]
    """Distinct keys, ascending: sampled shingle hashes (from 0 up), LSH bands (below 0) if there are few shingles."""
    sampled = sample(shingles(words, shingle), target, coarsest, most)
    keys = np.empty(sampled.size, np.int32)
    for i in range(sampled.size):
        keys[i] = sampled[i] & LOW_31
    if words.size - band_shingle + 1 <= band_limit:
        keys = np.concatenate((band_keys(signature(shingles(words, band_shingle), a, b), rows), keys))
    keys.sort()
    count = min(keys.size, 1)
    for key in keys[1:]:
        if key != keys[count - 1]:
            keys[count] = key
            count += 1
    return keys[:count]
