"""newsfold and its peers at the same work on the same corpus, taken in turn: one table.

    make bench                                          (50,000 articles, three rounds: about an hour)
    python -m benchmarks.bench --articles 5000 --rounds 1 --only batch

In each round every contender of a row has its turn, so that a machine whose speed changes does so for all; medians
are shown. What was measured is kept in `.bench/`, so a run that was cut short goes on where it stopped. Progress goes
to standard error.
"""

import argparse
import shutil
import sys
import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import orjson

from benchmarks import batch, environment, material, services, streaming
from benchmarks.batch import Contender, Figures
from benchmarks.environment import ROOT, say
from benchmarks.measure import FailedError
from benchmarks.speed_table import show

CONTENDERS = (
    Contender("sketch", "newsfold", batch.sketch("signature", own=True)),
    Contender("sketch", "newsfold, keys alone", batch.sketch("keys", own=True)),
    Contender("sketch", "newsfold, from the raw article", batch.sketch("prepare", own=True)),
    Contender("sketch", "datasketch bulk, SHA-1", batch.sketch("datasketch"), "datasketch"),
    Contender("sketch", "datasketch bulk, xxh32", batch.sketch("datasketch-xxh32"), "datasketch"),
    Contender("sketch", "rensa", batch.sketch("rensa"), "rensa"),
    Contender("sketch", "gaoya", batch.sketch("gaoya"), "gaoya"),
    Contender("batch", "newsfold ingest", batch.ingest),
    Contender("batch", "text-dedup, 2 processes", batch.cluster("text-dedup"), "text-dedup"),
    Contender("batch", "gaoya", batch.cluster("gaoya"), "gaoya"),
    Contender("batch", "rensa", batch.cluster("rensa"), "rensa"),
    Contender("batch", "datasketch", batch.cluster("datasketch"), "datasketch"),
    Contender("batch", "datatrove, 2 processes", batch.cluster("datatrove"), "datatrove"),
    Contender("services", "newsfold, 2 workers, Redis, PostgreSQL", services.distributed),
    Contender("services", "newsfold ingest, SQLite", batch.ingest),
    Contender("inbox", "newsfold run", services.small_files),
    Contender("inbox", "Celery, an empty task a file", services.celery_tasks),
    Contender("stream", "newsfold, one article at a time", streaming.stream),
)


class Results:
    """Figures of every turn so far, one a line, in a file that survives being cut short."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_bytes().splitlines() if path.exists() else []
        self.entries: list[Figures] = [orjson.loads(line) for line in lines]

    def has(self, row: str, who: str, round_: int) -> bool:
        """Whether this turn has been taken."""
        return any((e["row"], e["who"], e["round"]) == (row, who, round_) for e in self.entries)

    def add(self, entry: Figures) -> None:
        """Keep one turn's figures."""
        self.entries.append(entry)
        with self._path.open("ab") as out:
            out.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))

    def close(self, rows: Collection[str]) -> list[Figures]:
        """End the run of these rows, so that the next one takes them anew; return their figures."""
        done = [entry for entry in self.entries if entry["row"] in rows]
        self._write(self._path.with_name(f"last-{self._path.name}"), done)
        self.entries = [entry for entry in self.entries if entry["row"] not in rows]
        self._write(self._path, self.entries)
        return done

    @staticmethod
    def _write(path: Path, entries: list[Figures]) -> None:
        path.write_bytes(b"".join(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE) for entry in entries))


def run(corpus: material.Material, rounds: int, contenders: Iterable[Contender], results: Results) -> None:
    """Take all turns that are still to be taken."""
    chosen = list(contenders)
    rows = list(dict.fromkeys(contender.row for contender in chosen))
    for row in rows:
        for round_ in range(rounds):
            for contender in chosen:
                if contender.row == row and not results.has(row, contender.who, round_):
                    say(f"{row}, round {round_ + 1} of {rounds}: {contender.who}")
                    results.add({"row": row, "who": contender.who, "round": round_} | _turn(contender, corpus))


def _turn(contender: Contender, corpus: material.Material) -> Figures:
    work = Path(tempfile.mkdtemp(prefix="turn-", dir=corpus.folder))
    work.chmod(0o755)  # PostgreSQL may have to run as another user
    try:
        figures = contender.run(corpus, work)
    except FailedError as error:
        say(f"  failed: {error}")
        return {"failed": str(error)}
    finally:
        shutil.rmtree(work, ignore_errors=True)
    say(f"  {figures['articles'] / figures['seconds']:,.0f} articles/s")
    return figures


def main() -> None:
    """Run, print, exit 0: a benchmark reports, it does not judge."""
    rows = list(dict.fromkeys(contender.row for contender in CONTENDERS))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--articles", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=rows, action="append", help="a row; may be given more than once")
    parser.add_argument("--json", action="store_true", help="print every turn's figures instead of the table")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="where corpora and results are kept")
    args = parser.parse_args()
    args.folder.mkdir(exist_ok=True, parents=True)
    versions = environment.prepare()
    chosen = [c for c in CONTENDERS if c.row in (args.only or rows)]
    missing = sorted({c.needs for c in chosen if c.needs and c.needs not in versions})
    if missing:
        say(f"not installed, so not measured: {', '.join(missing)}")
    corpus = material.prepare(args.folder, args.articles, args.seed)
    batch.warm_up(corpus)
    results = Results(args.folder / f"run-{args.articles}-{args.seed}.jsonl")
    run(corpus, args.rounds, [c for c in chosen if c.needs is None or c.needs in versions], results)
    _print(results.close({c.row for c in chosen}), versions, missing, as_json=args.json)


def _print(entries: list[dict[str, Any]], versions: dict[str, str], missing: list[str], *, as_json: bool) -> None:
    if as_json:
        told = {"versions": versions, "missing": missing, "turns": entries}
        sys.stdout.buffer.write(orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    else:
        show(entries, versions, missing)


if __name__ == "__main__":
    main()
