"""From a text to what newsfold compares: hashed words, keys for the index, and a digest for equality."""

import hashlib
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, cast

import numpy as np
from numpy.typing import NDArray

DEFAULT_SEED: Final = 20_240_229
"""Seeds the word hash and the permutations. Give an installation its own, and keys cannot be forged from outside."""

SHINGLE: Final = 3
"""Words in a shingle of the index. Three find rewritten passages that five miss; verification asks for five."""
SHORT: Final = 12
"""Texts of fewer words (headline included) are found by equality only: so few shingles are stock phrases."""
TARGET: Final = 50
"""The sampling rate halves while at least this many sampled shingles are left: a text has 50 to 100, or all."""
COARSEST: Final = 3
"""... but not below 1 in 2**3, so that a text of a few dozen words is found in one of any length."""
MOST: Final = 4096
"""Sampled shingles that a text may have at most; from 32,768 shingles on the rate falls below 1 in 8."""
PERMUTATIONS: Final = 128
BANDS: Final = 25
ROWS: Final = 5
"""What datasketch's optimiser gives for threshold 0.5 and 128 permutations, both errors weighing the same."""
BAND_LIMIT: Final = 400
"""Texts of more shingles have no bands: their sample finds whatever the bands would."""


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

    The seed goes in as a digest, since the version is stored in plain sight. Unicode's version is in it because a
    letter that one of them does not know yet is a separator there.
    """
    secret = hashlib.blake2b(str(seed).encode(), digest_size=4).hexdigest()
    return (
        f"1;unicode-{unicodedata.unidata_version};fnv1a-splitmix-30;seed-{secret};shingle-{SHINGLE};short-{SHORT};"
        f"sample-{TARGET}-{COARSEST}-{MOST};affine32-{PERMUTATIONS};bands-{BANDS}x{ROWS}-{BAND_LIMIT}"
    )


INDEX_VERSION: Final = index_version()


def fingerprint(headline: str, body: str, seed: int = DEFAULT_SEED) -> Fingerprint:
    """Fingerprint an article. Works on any text, in time proportional to its length."""
    return _engine(seed).fingerprint(headline, body)


def index_keys(words: NDArray[np.uint32], seed: int = DEFAULT_SEED) -> NDArray[np.int32]:
    """The index keys of a text, of its stored words alone; none for a short text, which its digest finds."""
    return _engine(seed).index_keys(words)


def shingles(words: NDArray[np.uint32], size: int = SHINGLE) -> NDArray[np.uint64]:
    """Hash every run of `size` words, of the words' hashes alone."""
    from worker.core import kernel

    return cast("NDArray[np.uint64]", kernel.shingles(words, size))


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
            keys=self._keys(words, text),
        )

    def signature(self, hashes: NDArray[np.uint64]) -> NDArray[np.uint32]:
        return cast("NDArray[np.uint32]", self._kernel.signature(hashes, self._a, self._b))

    def index_keys(self, words: NDArray[np.uint32]) -> NDArray[np.int32]:
        return self._keys(words, np.empty(0, np.uint8)) if len(words) >= SHORT else np.empty(0, np.int32)

    def _fold(self, headline: str, body: str) -> tuple[NDArray[np.uint8], NDArray[np.uint32], int]:
        headline = _normal(headline)
        codes = f"{headline}\n{_normal(body)}\n".encode("utf-32-le", "surrogatepass")
        folded = self._kernel.fold(
            np.frombuffer(codes, np.uint32), len(headline), self._alphabet, self._calendar, self._seed
        )
        return cast("tuple[NDArray[np.uint8], NDArray[np.uint32], int]", folded)

    def _keys(self, words: NDArray[np.uint32], text: NDArray[np.uint8]) -> NDArray[np.int32]:
        if len(words) < SHORT:
            exact = hashlib.blake2b(text.data, digest_size=4, key=self._seed.tobytes()).digest()
            return np.array([-1 - (int.from_bytes(exact) >> 1)], np.int32)
        keys = self._kernel.index_keys(
            words, SHINGLE, TARGET, COARSEST, MOST, self._a, self._b, BANDS, ROWS, BAND_LIMIT
        )
        keys.sort()
        return cast("NDArray[np.int32]", keys)

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


def _normal(text: str) -> str:
    if text.isascii() or unicodedata.is_normalized("NFKC", text):
        return text
    # What NFKC would glue to the word before: iPhone™ is no iphonetm, and 5½ no 51/2.
    return unicodedata.normalize("NFKC", text.translate(_UNGLUED))


_UNGLUED: Final = {0x2120: " ", 0x2122: " "} | {
    code: f" {unicodedata.normalize('NFKC', chr(code))} " for code in (0xBC, 0xBD, 0xBE, *range(0x2150, 0x215F))
}


def _permutations(seed: int) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Draw a and b of h -> a * h + b mod 2**32 as datasketch draws them (`MinHash._init_permutations`)."""
    draw = np.random.RandomState(seed)  # its stream is frozen for good (NEP 19)
    a = draw.randint(0, 1 << 31, PERMUTATIONS, dtype=np.uint32) * np.uint32(2) + np.uint32(1)
    b = draw.randint(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)
    return a, b
