"""Lines that one source repeats under unrelated stories: footers, promotions, standing explanations.

They are learned by a rebuild, from the stories as they are then, and frozen until the next one: between two rebuilds
every article meets the same list, whatever the order of arrival.
"""

import hashlib
from collections.abc import Collection, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

STORIES: Final = 5
"""Unrelated stories of one source under which a line must have stood."""
LEAST_WORDS: Final = 4
"""Shorter lines are left to the known forms: they are too often a list's own items."""
KEPT_WORDS: Final = 12
"""A text that would be left with fewer is left whole."""


def line_keys(source: str, text: str) -> Iterator[int]:
    """Yield a 64-bit key for every line of a text that could be boilerplate: a few words, no digits."""
    for line in text.split("\n"):
        key = _key(source, line)
        if key is not None:
            yield key


def recurring(keys: NDArray[np.uint64], stories: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Of lines (`keys[i]` stood in story `stories[i]`), the keys that stood in at least `STORIES` stories, sorted."""
    order = np.lexsort((stories, keys))
    keys, stories = keys[order], stories[order]
    first = np.ones(len(keys), bool)
    first[1:] = (keys[1:] != keys[:-1]) | (stories[1:] != stories[:-1])
    found, count = np.unique(keys[first], return_counts=True)
    return found[count >= STORIES]


def without(source: str | None, text: str, stock: Collection[int]) -> str:
    """The text without its source's stock lines."""
    if not stock or not source:
        return text
    kept = "\n".join(line for line in text.split("\n") if _key(source, line) not in stock)
    return kept if len(kept.split()) >= KEPT_WORDS else text


def _key(source: str, line: str) -> int | None:
    words = line.casefold().split()
    if len(words) < LEAST_WORDS or any(char.isdigit() for char in line):
        return None
    said = f"{source}\n{' '.join(words)}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(said, digest_size=8).digest()) >> 1
