"""Text to signature and band keys, on one core, by one of the peers.

    .venv-bench/bin/python -m benchmarks.peers.sketch datasketch corpus.jsonl 5000

Prints articles and seconds, as JSON; reading the corpus is not counted.
"""

import sys
import time
from collections.abc import Callable

from benchmarks.peers.common import BANDS, PERMUTATIONS, ROWS, ngrams, read, report

WARM = 50
"""Texts done before the clock starts, so that nobody's tables or first calls are counted."""


def datasketch(texts: list[str], **options: object) -> None:
    """`MinHash.bulk`, SHA-1 as it comes."""
    from datasketch import MinHash

    MinHash.bulk([[gram.encode() for gram in ngrams(text)] for text in texts], num_perm=PERMUTATIONS, **options)


def datasketch_xxh32(texts: list[str]) -> None:
    """The same with a faster hash."""
    import xxhash

    datasketch(texts, hashfunc=xxhash.xxh32_intdigest)


def rensa(texts: list[str]) -> None:
    """R-MinHash over the whole set of tokens; its "rho" samples positions and is no MinHash of the set."""
    from rensa import RMinHash

    RMinHash.digest_matrix_from_token_sets([ngrams(text) for text in texts], num_perm=PERMUTATIONS, seed=1)


def gaoya(texts: list[str]) -> None:
    """Tokens, n-grams and MinHash in Rust; it has no way to a signature but through its index."""
    from gaoya.minhash import MinHashStringIndex

    index = MinHashStringIndex(32, 0.5, BANDS, ROWS, None, "word", True, (5, 5))
    index.par_bulk_insert_docs(list(range(len(texts))), texts)


CONTENDERS: dict[str, Callable[[list[str]], None]] = {
    "datasketch": datasketch,
    "datasketch-xxh32": datasketch_xxh32,
    "rensa": rensa,
    "gaoya": gaoya,
}


def main() -> None:
    """Measure one of them and report."""
    name, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    texts = read(path, count)
    work = CONTENDERS[name]
    work(texts[:WARM])
    start, processor = time.perf_counter(), time.process_time()
    work(texts)
    seconds, cpu = time.perf_counter() - start, time.process_time() - processor
    report(articles=len(texts), seconds=seconds, cpu=cpu)


if __name__ == "__main__":
    main()
