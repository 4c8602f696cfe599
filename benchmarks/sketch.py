"""Newsfold's text to signature and keys, on one core; `benchmarks.peers.sketch` is the same for the others.

    python -m benchmarks.sketch signature corpus.jsonl 5000

`keys` is what is made of every text; `signature` makes the 128-permutation MinHash over word 5-grams besides, as the
peers do (newsfold itself needs it of short texts alone); `prepare` starts from the article as delivered: datelines,
bylines, notices and repeated headlines set apart, and then the same.
"""

import sys
import time
from collections.abc import Callable

from benchmarks.peers.common import NGRAM, read, report
from worker.core.article import Article
from worker.core.fingerprint import fingerprint, shingles, signature
from worker.core.normalise import normalise

WARM = 50


def keys(text: str) -> None:
    """Fingerprint."""
    fingerprint("", text)


def whole(text: str) -> None:
    """Fingerprint, and the signature that a long text does not need."""
    signature(shingles(fingerprint("", text).words, NGRAM))


def prepared(text: str) -> None:
    """Normalise first."""
    normal = normalise(Article(headline="", text=text))
    signature(shingles(fingerprint(normal.headline, normal.body).words, NGRAM))


CONTENDERS: dict[str, Callable[[str], None]] = {"keys": keys, "signature": whole, "prepare": prepared}


def main() -> None:
    """Measure one of them and report."""
    name, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    texts = read(path, count)
    work = CONTENDERS[name]
    for text in texts[:WARM]:
        work(text)
    start, processor = time.perf_counter(), time.process_time()
    for text in texts:
        work(text)
    seconds, cpu = time.perf_counter() - start, time.process_time() - processor
    report(articles=len(texts), seconds=seconds, cpu=cpu)


if __name__ == "__main__":
    main()
