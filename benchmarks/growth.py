"""What an article costs while more and more are stored: speed, memory, bytes and latency, up to a million.

    make growth                                           (hours; run it again to go on where it stopped)
    python -m benchmarks.growth --until 50000             (the first 50,000 of the same million)
    python -m benchmarks.growth --postgres --until 50000  (a PostgreSQL of its own; begins anew each time)

The corpus is one stream of publication over 30 days. It is ingested in parts of 5,000 by one process; at every mark
the articles that come next go in one by one, for the latency. Everything measured is a line of `growth-*.jsonl`, and
the picture is drawn from these. Generating the corpus is not counted.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks import environment
from benchmarks.corpus import generate, given
from benchmarks.environment import PYTHON, ROOT, say
from benchmarks.measure import FailedError, watched
from benchmarks.sizes import sizes
from models.engine import open_engine, reading
from tests.servers import PostgresServer, create_database

PART = 5_000
STREAMED = 200
"""Articles ingested one by one at a mark: the 99th percentile is their third slowest."""


@dataclass(slots=True)
class Worker:
    """The measured process and how to talk to it."""

    process: subprocess.Popen[bytes]
    others: tuple[int, ...]
    """Process ids of a server that works for it."""

    def ask(self, *question: object) -> dict[str, Any]:
        """Have it do something; return its figures and what all processes took."""
        talk = self.process
        with watched([talk.pid, *self.others]) as usage:
            talk.stdin.write(orjson.dumps(question, default=str) + b"\n")  # type: ignore[union-attr]
            talk.stdin.flush()  # type: ignore[union-attr]
            line = talk.stdout.readline()  # type: ignore[union-attr]
        if not line:
            raise FailedError(f"the ingesting process ended with {talk.wait()}")
        figures: dict[str, Any] = orjson.loads(line)
        return figures | {"cpu": usage.cpu, "rss": usage.rss, "pss": usage.pss}


class Log:
    """Marks and parts so far, a JSON line each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.entries: list[dict[str, Any]] = [orjson.loads(line) for line in lines]

    def reached(self) -> int:
        """How many articles of the stream are in."""
        return max((entry["until"] for entry in self.entries), default=0)

    def add(self, entry: dict[str, Any]) -> None:
        """Write one down."""
        self.entries.append(entry)
        with self.path.open("ab") as out:
            out.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))


def grow(worker: Worker, url: str, log: Log, folder: Path, *, articles: int, until: int, every: int) -> None:
    """Ingest from where the log ends to `until`, with a mark at every so many articles."""
    stream = (orjson.dumps(given(r), option=orjson.OPT_APPEND_NEWLINE) for r in generate(articles, seed=1))
    at = log.reached()
    say(f"from article {at:,} to {until:,}")
    for _ in islice(stream, at):  # what is in
        pass
    while at < until:
        next_mark = min(until, (at // every + 1) * every)
        while at < next_mark:
            size = min(PART, next_mark - at)
            file = _write(folder / f"part-{at:09d}.jsonl", islice(stream, size))
            at += size
            answer = worker.ask("ingest", file)
            file.unlink()
            log.add({"kind": "part", "until": at} | answer)
            say(f"{at:>9,}: {answer['articles'] / answer['seconds']:,.0f} articles/s, {answer['pss'] / 1e6:,.0f} MB")
        file = _write(folder / "singles.jsonl", islice(stream, STREAMED))
        answer = worker.ask("stream", file, STREAMED, folder)
        file.unlink()
        at += STREAMED
        log.add({"kind": "mark", "until": at} | answer | {"bytes": _sizes(url)})
        say(f"{at:>9,}: one article in {answer['median_ms']:.1f} ms (99th percentile {answer['p99_ms']:.1f})")


def _write(path: Path, lines: Iterator[bytes]) -> Path:
    path.write_bytes(b"".join(lines))
    return path


def _sizes(url: str) -> dict[str, int]:
    engine = open_engine(url, read_only=True)
    with reading(engine) as connection:
        found = sizes(connection)
    engine.dispose()
    return found


@contextmanager
def working(url: str, folder: Path, others: tuple[int, ...]) -> Iterator[Worker]:
    """A process that ingests."""
    command = [sys.executable, "-m", "benchmarks.growth_worker"]
    with (folder / "worker.log").open("wb") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"NEWSFOLD_DATABASE_URL": url}, cwd=ROOT, stderr=log,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
    with process:
        try:
            yield Worker(process, others)
        finally:
            process.stdin.close()  # type: ignore[union-attr]


@contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, tuple[int, ...]]]:
    """A PostgreSQL of our own, empty."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.chmod(0o755)
    server = PostgresServer(folder)
    server.start()
    try:
        yield create_database(server.url()), (server.pid,)
    finally:
        server.stop()


def draw(log: Path, picture: Path) -> None:
    """Draw what was measured, with the matplotlib of `.venv-bench`."""
    if not PYTHON.exists():
        environment.prepare()
    subprocess.run([PYTHON, Path(__file__).with_name("growth_chart.py"), log, picture], check=True)


def main() -> None:
    """Grow, and draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=1_000_000, help="length of the stream: sets its density")
    parser.add_argument("--until", type=int, help="stop after so many of them")
    parser.add_argument("--every", type=int, default=50_000, help="articles between two marks")
    parser.add_argument("--postgres", action="store_true")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench" / "growth")
    parser.add_argument("--picture", type=Path, help="where to draw (default: beside the figures)")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    kind = "postgresql" if args.postgres else "sqlite"
    path = args.folder / f"growth-{kind}-{args.articles}.jsonl"
    if args.postgres:
        path.unlink(missing_ok=True)
    own = nullcontext((f"sqlite:///{args.folder / f'growth-{args.articles}.db'}", ()))
    with ExitStack() as stack:
        url, others = stack.enter_context(postgres(args.folder / "postgres") if args.postgres else own)
        worker = stack.enter_context(working(url, args.folder, others))
        until = min(args.until or args.articles, args.articles - STREAMED)  # the last mark takes articles as well
        grow(worker, url, Log(path), args.folder, articles=args.articles, until=until, every=args.every)
    draw(path, args.picture or path.with_suffix(".svg"))


if __name__ == "__main__":
    main()
