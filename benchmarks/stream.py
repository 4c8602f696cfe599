"""One article in, linked, while many are stored: milliseconds of each.

    NEWSFOLD_DATABASE_URL=sqlite:///copy.db python -m benchmarks.stream later.jsonl 500 workdir

Each article comes as a file of its own, goes through `Pipeline.ingest` and counts from when its file lies there until
it is linked and its delivery closed, all transactions synced: what `newsfold run` does for a file, without the waits
of the inbox.
"""

import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.peers.common import report
from models.engine import open_engine
from worker.pipeline import Pipeline, describe, warm_up
from worker.settings import Settings

WARM = 20


def latencies(pipeline: Pipeline, lines: Iterator[bytes], folder: Path) -> Iterator[float]:
    """Seconds from file to linked story, one article after the other."""
    for number, line in enumerate(lines):
        file = folder / f"one-{number}.json"
        file.write_bytes(line)
        start = time.perf_counter()
        for outcome in pipeline.ingest([describe(file, str(file), None)]):
            if outcome.state != "done":
                raise RuntimeError(f"{file} failed: {outcome.error}")
        yield time.perf_counter() - start
        file.unlink()


def summary(seconds: list[float]) -> dict[str, float]:
    """Median, 99th percentile and mean, in milliseconds."""
    median, high = np.percentile(seconds, [50, 99])
    return {"median_ms": float(median) * 1e3, "p99_ms": float(high) * 1e3, "seconds": sum(seconds)}


def main() -> None:
    """Measure and report."""
    path, count, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    engine = open_engine(Settings.from_environment().database_url)
    pipeline = Pipeline.open(engine)
    warm_up()
    with path.open("rb") as lines:
        times = list(latencies(pipeline, islice(lines, WARM + count), folder))[WARM:]
    report(articles=len(times), **summary(times))


if __name__ == "__main__":
    main()
