"""Floods: what an article costs while thousands of others look alike, as a ratio to a clean run.

    python -m benchmarks.floods 5000 [--only boilerplate]

Processor time, so that a noisy machine changes little; each flood beside the clean run of the same length.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import orjson
from sqlalchemy import func, select

import migrations
from benchmarks.corpus import generate, given
from models.engine import open_engine, reading
from models.tables import Match
from worker.pipeline import Pipeline, describe

Record = dict[str, Any]
COMMON = 120
"""Words of the footer that every article of a boilerplate flood ends with."""


def lone(count: int, seed: int) -> Iterator[Record]:
    """Articles of the corpus as they were first told."""
    found = (record for record in generate(4 * count, seed) if record["relation"] == "original")
    return ({**given(record), "id": f"{seed}-{number}"} for number, record in enumerate(islice(found, count)))


def boilerplate(count: int, seed: int) -> Iterator[Record]:
    """Lone articles that end with the same footer."""
    footer = " ".join(next(lone(1, seed + 1))["text"].split()[:COMMON])
    return ({**record, "text": f"{record['text']}\n\n{footer}"} for record in lone(count, seed))


def template(count: int, seed: int) -> Iterator[Record]:
    """One report whose numbers differ each time."""
    rng = Random(seed)
    words = next(lone(1, seed + 1))["text"].split()[:200]
    for record in lone(count, seed):
        for at in range(4, len(words), 9):
            words[at] = str(rng.randrange(10_000))
        yield {**record, "title": f"Report {rng.randrange(10_000)}", "text": " ".join(words)}


def phrase(count: int, seed: int) -> Iterator[Record]:
    """Lone articles that share twelve words: one hot key, or two."""
    words = " ".join(next(lone(1, seed + 1))["text"].split()[:12])
    return ({**record, "text": f"{record['text']} {words}"} for record in lone(count, seed))


def tiny(count: int, seed: int) -> Iterator[Record]:
    """Texts under twelve words."""
    return ({**record, "text": " ".join(record["text"].split()[:4])} for record in lone(count, seed))


FLOODS: dict[str, Callable[[int, int], Iterator[Record]]] = {
    "boilerplate": boilerplate,
    "template": template,
    "phrase": phrase,
    "tiny": tiny,
}


def run(records: Iterator[Record]) -> tuple[list[float], int]:
    """Ingest; return milliseconds of processor time an article, one value a transaction, and the number of matches."""
    times: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "flood.jsonl")
        file.write_bytes(b"".join(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE) for record in records))
        engine = open_engine(f"sqlite:///{folder}/flood.db")
        migrations.upgrade(engine)
        last = time.process_time()

        def progress(articles: int) -> None:
            nonlocal last
            now = time.process_time()
            if articles:
                times.append((now - last) / articles * 1000)
            last = now

        for _ in Pipeline.open(engine).ingest([describe(file, file.name, None)], progress):
            pass
        with reading(engine) as connection:
            matches = connection.scalar(select(func.count()).select_from(Match)) or 0
        engine.dispose()
    return times[1:] or times, matches  # the first one loads the kernels


def main() -> None:
    """Print one row a flood."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("articles", type=int, nargs="?", default=5000)
    parser.add_argument("--only", choices=sorted(FLOODS), action="append")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    clean, matches = run(lone(options.articles, options.seed))
    usual = _percentile(clean)
    sys.stdout.write(f"{'flood':12} {'median ms':>10} {'p99 ms':>8} {'p99 : clean':>12} {'matches':>8}\n")
    sys.stdout.write(f"{'clean':12} {statistics.median(clean):10.2f} {usual:8.2f} {1:12.1f} {matches:8}\n")
    for name in options.only or FLOODS:
        times, matches = run(FLOODS[name](options.articles, options.seed))
        row = (
            f"{statistics.median(times):10.2f} {_percentile(times):8.2f} {_percentile(times) / usual:12.1f} {matches:8}"
        )
        sys.stdout.write(f"{name:12} {row}\n")
        sys.stdout.flush()


def _percentile(times: list[float]) -> float:
    return sorted(times)[min(len(times) - 1, int(len(times) * 0.99))]


if __name__ == "__main__":
    main()
