"""The process that `benchmarks.growth` measures: newsfold as a library, told over standard input what to ingest.

Each line of input is a JSON list: `["ingest", file]` or `["stream", file, count, folder]`; each answer a JSON line.
"""

import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

import migrations
import worker.linking
from benchmarks.stream import latencies, summary
from models.engine import open_engine
from worker import searching
from worker.pipeline import Pipeline, describe, warm_up
from worker.settings import Settings


class Counted:
    """Counts the pairs that the index proposes and those that are verified, by standing where linking finds both."""

    def __init__(self) -> None:
        self.candidates = self.verified = 0
        linking: Any = worker.linking
        self._candidates, self._verify = linking.candidates, linking.verify
        linking.candidates, linking.verify = self._asked, self._compared

    def _asked(self, *arguments: Any) -> Any:
        found = self._candidates(*arguments)
        self.candidates += len(found.pairs)
        return found

    def _compared(self, told: Any, profiles: Any, pairs: Any) -> Any:
        self.verified += len(pairs)
        return self._verify(told, profiles, pairs)

    def since(self) -> dict[str, int]:
        """The counts since they were asked for last."""
        counts = {"candidates": self.candidates, "verified": self.verified}
        self.candidates = self.verified = 0
        return counts


def ingest(pipeline: Pipeline, path: str) -> dict[str, Any]:
    """Ingest a file as `newsfold ingest` does."""
    start, processor = time.perf_counter(), time.process_time()
    (outcome,) = pipeline.ingest([describe(Path(path), Path(path).name, None)])
    searching.fill(pipeline.engine)
    seconds, cpu = time.perf_counter() - start, time.process_time() - processor
    if outcome.state != "done":
        raise RuntimeError(f"{path} failed: {outcome.error}")
    return {"articles": outcome.new + outcome.duplicate, "seconds": seconds, "own_cpu": cpu}


def stream(pipeline: Pipeline, path: str, count: int, folder: str) -> dict[str, Any]:
    """Ingest articles one by one."""
    with Path(path).open("rb") as lines:
        times = list(latencies(pipeline, islice(lines, count), Path(folder)))
    return {"streamed": len(times), **summary(times)}


def main() -> None:
    """Serve until the input ends."""
    engine = open_engine(Settings.from_environment().database_url)
    migrations.upgrade(engine)
    pipeline = Pipeline.open(engine)
    warm_up()
    counted = Counted()
    for line in sys.stdin.buffer:
        what, *arguments = orjson.loads(line)
        answer = (ingest if what == "ingest" else stream)(pipeline, *arguments)
        sys.stdout.buffer.write(orjson.dumps(answer | counted.since()) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
