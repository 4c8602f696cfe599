"""What the scripts of the peers share: reading a corpus, word n-grams, joining pairs to clusters, reporting."""

import re
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import orjson

NGRAM = 5
PERMUTATIONS = 128
BANDS, ROWS = 25, 5
"""What datasketch's optimiser gives for a threshold of 0.5 and 128 permutations."""
THRESHOLD = 0.5
WORD = re.compile(r"\w+")


def read(path: str, count: int) -> list[str]:
    """The bodies of the first articles of a corpus."""
    with Path(path).open("rb") as lines:
        return [orjson.loads(line)["text"] for line in islice(lines, count)]


def ngrams(text: str) -> list[str]:
    """The distinct lower-case word 5-grams."""
    words = WORD.findall(text.lower())
    return list({" ".join(words[i : i + NGRAM]) for i in range(max(1, len(words) - NGRAM + 1))})


def clusters(count: int, pairs: Iterable[tuple[int, int]]) -> list[int]:
    """Connected components: for each text, one member of its cluster."""
    parent = list(range(count))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for a, b in pairs:
        parent[root(a)] = root(b)
    return [root(i) for i in range(count)]


def report(**figures: object) -> None:
    """Answer the benchmark: one line of JSON, the last of standard output."""
    sys.stdout.buffer.write(b"\n" + orjson.dumps(figures) + b"\n")
