"""From a text to what newsfold compares: hashed words, keys for the index, and a digest for equality."""

import hashlib
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

from worker.core.candidates import ENOUGH
from worker.core.cells import CELL, RARE

REVISION: Final = 2
"""To be raised with every change to the tokeniser, the alphabet or a hash: keys made before and after do not meet."""
DEFAULT_SEED: Final = 20_240_229
"""Seeds the word hash and the permutations; 0 to 2**32 - 1. Where it is secret, nobody can plant keys from outside."""

SHINGLE: Final = 5
"""Words in a shingle of the index. Five words are hardly ever a stock phrase, so that one in common is enough to look
at a pair: on newswire that reads a twentieth of the postings that three words take, of which three must be in common,
and finds more."""
SHORT: Final = 12
"""Texts of fewer words (headline included) are found by equality only: so few shingles are stock phrases."""

# Shingle hashes are sampled by value, so that two texts keep the same shingles of what they share: all below a bound
# (FracMinHash: Irber et al. 2022, "sourmash ... with scaled MinHash"), and the lowest ones of a text that has too few
# there (bottom-k sketch: Cohen and Kaplan 2007). The lower of two texts' bounds holds for both.
TARGET: Final = 48
"""Sampled shingles that a text is to keep at least, if it has as many,"""
COARSEST: Final = 3
"""and at least 1 in 2**3, so that a long text keeps enough of any passage of a few dozen words,"""
MOST: Final = 4096
"""unless that leaves more than this many, as in texts of some 32,000 words."""

PERMUTATIONS: Final = 128
BANDS: Final = 25
ROWS: Final = 5
"""What datasketch's optimiser gives for threshold 0.5 and 128 permutations, both errors weighing the same."""
BAND_SHINGLE: Final = 3
BAND_LIMIT: Final = 64
"""Most shingles of `BAND_SHINGLE` words of a text that has LSH bands. Longer ones share samples wherever they share a
band."""


@dataclass(frozen=True, slots=True, eq=False)
class Fingerprint:
    """All that is kept of a text to find and judge its relatives."""

    digest: bytes
    """16 bytes of BLAKE2b over the folded text, headline and body apart: equal for the same normalised text."""
    words: NDArray[np.uint32]
    """One number a word, headline's first: 30 bits of seeded hash, then 2 bits of class.

    Classes: 0 plain, 1 number, 2 name (capitalised inside a sentence), 3 month, weekday or the like.
    """
    headline_words: int
    keys: NDArray[np.int32]
    """Distinct index keys, ascending: LSH bands and the key of a short text below 0, sampled shingles from 0 on."""


def index_version(seed: int = DEFAULT_SEED) -> str:
    """Name everything that keys depend on; indexes of different versions cannot be searched together.

    The seed goes in as two bytes of a digest: enough to notice another one, too few to tell it. Unicode's version is
    in it because a letter that one version does not know yet is a separator there.
    """
    secret = hashlib.blake2b(str(seed).encode(), digest_size=2).hexdigest()
    return (
        f"{REVISION};unicode-{unicodedata.unidata_version};fnv1a-splitmix-30;seed-{secret};"
        f"shingle-{SHINGLE};short-{SHORT};sample-{TARGET}-{COARSEST}-{MOST};affine32-{PERMUTATIONS};bands-{BAND_SHINGLE}-{BANDS}x{ROWS}-{BAND_LIMIT}"
    )


INDEX_VERSION: Final = index_version()


def index_name(stock: Collection[int], window: int | None) -> str:
    """Name what stories depend on besides the articles: fingerprints, window, and the stock lines that are left out."""
    name = f"{INDEX_VERSION};cells-{RARE}-{CELL}-{ENOUGH}{f';window-{window}' if window else ''}"
    if not stock:
        return name
    lines = hashlib.blake2b(repr(sorted(stock)).encode(), digest_size=4).hexdigest()
    return f"{name};stock-{lines}"


def fingerprint(headline: str, body: str, seed: int = DEFAULT_SEED) -> Fingerprint:
    """Fingerprint an article. Works on any text, in time proportional to its length."""
    return _engine(seed).fingerprint(headline, body)


def index_keys(words: NDArray[np.uint32], seed: int = DEFAULT_SEED) -> NDArray[np.int32]:
    """The index keys of a text from its stored words alone: those that `fingerprint` gave it."""
    return _engine(seed).index_keys(words)


def shingles(words: NDArray[np.uint32], size: int = SHINGLE) -> NDArray[np.uint64]:
    """Hash every run of `size` words, of the words' hashes alone."""
    from worker.core import kernel

    return cast("NDArray[np.uint64]", kernel.shingles(writeable(words), size))


def signature(hashes: NDArray[np.uint64], seed: int = DEFAULT_SEED) -> NDArray[np.uint32]:
    """MinHash of shingle hashes, 128 values.

    The same as `datasketch.MinHash(num_perm=128, scheme="affine32", seed=seed)` updated with the upper 32 bits of
    each hash.
    """
    return _engine(seed).signature(hashes)


class _Engine:
    """The compiled kernel with the tables of one seed. Loaded on first use: reading a database needs neither."""

    def __init__(self, seed: int) -> None:
        from worker.core import alphabet, kernel

        self._kernel: Any = kernel
        self._alphabet = alphabet.table()
        self._seed = np.uint64(int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest()))
        self._a, self._b = _permutations(seed)
        self._calendar = np.zeros(1, np.uint32)
        self._calendar = self._calendar_table(alphabet.CALENDAR, alphabet.CALENDAR_CAPITALISED)

    def fingerprint(self, headline: str, body: str) -> Fingerprint:
        text, words, headline_words = self._fold(headline, body)
        return Fingerprint(
            digest=hashlib.blake2b(text.data, digest_size=16).digest(),
            words=words,
            headline_words=headline_words,
            keys=self.index_keys(words),
        )

    def signature(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
        return cast("NDArray[np.uint32]", self._kernel.signature(hashes, self._a, self._b))

    def index_keys(self, words: NDArray[np.uint32]) -> NDArray[np.int32]:
        if not len(words):
            return np.empty(0, np.int32)
        if len(words) < SHORT:
            exact = hashlib.blake2b((words >> 2).tobytes(), digest_size=4, key=self._seed.tobytes()).digest()
            return np.array([~(int.from_bytes(exact) >> 1)], np.int32)
        keys = self._kernel.index_keys(
            writeable(words), SHINGLE, TARGET, COARSEST, MOST, BAND_SHINGLE, BAND_LIMIT, self._a, self._b, ROWS
        )
        return cast("NDArray[np.int32]", keys)

    def _fold(self, headline: str, body: str) -> tuple[NDArray[np.uint8], NDArray[np.uint32], int]:
        headline = _normal(headline)
        codes = f"{headline}\n{_normal(body)}\n".encode("utf-32-le", "surrogatepass")
        folded = self._kernel.fold(
            np.frombuffer(codes, np.uint32), len(headline), self._alphabet, self._calendar, self._seed
        )
        return cast("tuple[NDArray[np.uint8], NDArray[np.uint32], int]", folded)

    def _calendar_table(self, plain: str, capitalised: str) -> NDArray[np.uint32]:
        """Put the calendar's words into a hash table with open addressing, by the hashes this seed gives them."""
        table = np.zeros(_CALENDAR_SLOTS, np.uint32)
        for names, kind in ((plain, 3), (capitalised, 2)):
            for word in {int(w) >> 2 for w in self._fold("", names)[1]}:
                slot = word % _CALENDAR_SLOTS
                while table[slot]:
                    slot = (slot + 1) % _CALENDAR_SLOTS
                table[slot] = word << 2 | kind
        return table


_CALENDAR_SLOTS: Final = 4096  # for 200 words: nearly every other word finds its slot empty at once

_engine = cache(_Engine)


def writeable(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Copy a read-only array, such as one over a database's bytes: numba would compile everything again for it."""
    return words if words.flags.writeable else words.copy()


def _normal(text: str) -> str:
    """NFKC, but for what it would glue to the word before: iPhone™ is no iphonetm, and 5½ no 51/2."""
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    for char, plain in _PLAIN.items():
        text = text.replace(char, plain)
    return unicodedata.normalize("NFKC", text)


_PLAIN: Final = (
    {char: f" {unicodedata.normalize('NFKC', char)} " for char in map(chr, (0xBC, 0xBD, 0xBE, *range(0x2150, 0x215F)))}
    | {"\u2120": " ", "\u2122": " "}  # ℠ ™
    # What most texts that are not in NFKC have: with it replaced they are, and Chinese takes 50 µs instead of 500.
    | {char: unicodedata.normalize("NFKC", char) for char in "\xa0\u2009\u202f\u3000…，：；！？（）～"}
)


def _permutations(seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Draw a and b of h -> a * h + b mod 2**32 as datasketch draws them (`MinHash._init_permutations`)."""
    draw = np.random.RandomState(seed)  # its stream is frozen for good (NEP 19)
    a = draw.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = draw.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
    return a, b
