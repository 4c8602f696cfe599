"""How right newsfold is: planted families in eight languages and, where they are at hand, labelled sets of real news.

    python -m benchmarks.quality                                    the planted families
    python -m benchmarks.quality --data DIR --scorer DIR/score.py   labelled sets as well
    python -m benchmarks.quality --json                             for machines

Works from outside: `newsfold ingest` into an empty SQLite database, then its views. "Before" is
`benchmarks.baseline`, plain datasketch MinHash LSH.
"""

import argparse
import json
import os
import shlex
import sqlite3
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.corpus import given
from benchmarks.planted import Planted, planted
from benchmarks.report import show
from benchmarks.scoring import Found, score

BASELINE = f"{shlex.quote(sys.executable)} -m benchmarks.baseline"


@dataclass(frozen=True, slots=True)
class Run:
    """What one command made of the planted set."""

    command: str
    seconds: float
    result: dict[str, Any]


def run_planted(command: str, plant: Planted, folder: Path, name: str) -> Run:
    """Ingest the planted records with a command and score what its database says."""
    feed, database = folder / "planted.jsonl", folder / f"{name}.db"
    database.unlink(missing_ok=True)
    lines = [json.dumps(given(record), ensure_ascii=False) for record in plant.records]
    feed.write_text("\n".join(lines) + "\n", encoding="utf-8")
    started = time.perf_counter()
    _ingest(command, feed, database)
    seconds = time.perf_counter() - started
    return Run(command, round(seconds, 2), score(plant, read_found(plant, database)))


def read_found(plant: Planted, database: Path) -> dict[str, Found]:
    """What the view `story_members` says of each planted record, by key."""
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute("select external_id, published_at, story_id, relation from story_members").fetchall()
    found = {(external, _moment(at)): Found(str(story), relation) for external, at, story, relation in rows}
    named = ((r["key"], found.get((r["id"], _moment(r["published_at"])))) for r in plant.records)
    return {key: hit for key, hit in named if hit}


def run_sets(command: str, scorer: Path, data: Path) -> dict[str, Any]:
    """The scores of an outside scorer, which prints one JSON object a set and takes the command to score."""
    call = [sys.executable, str(scorer), "--data", str(data), "--command", command]
    done = subprocess.run(call, env=_environment(), stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{scorer} exited {done.returncode} for `{command}`")
    report: dict[str, Any] = {}
    for line in done.stdout.splitlines():
        report |= json.loads(line)
    return report


def _ingest(command: str, feed: Path, database: Path) -> None:
    environment = _environment() | {"NEWSFOLD_DATABASE_URL": f"sqlite:///{database}"}
    call = [*shlex.split(command), "ingest", str(feed)]
    done = subprocess.run(
        call, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"`{shlex.join(call)}` exited {done.returncode}:\n{done.stdout[-2000:]}")


def _environment() -> dict[str, str]:
    root = str(Path(__file__).resolve().parents[1])
    return dict(os.environ) | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}


def _moment(text: str | None) -> str:
    """A time to the second, however it is written."""
    return (text or "").replace("T", " ")[:19]


def main() -> None:
    """Run, print, and exit 0: a benchmark reports, it does not judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", type=int, default=60, help="families per language")
    parser.add_argument("--lookalikes", type=int, default=1_000, help="pairs of look-alikes, over all languages")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--command", default="newsfold")
    parser.add_argument("--no-baseline", action="store_true")
    parser.add_argument("--data", type=Path, help="folder of labelled sets")
    parser.add_argument("--scorer", type=Path, help="program that scores a command on them")
    parser.add_argument("--keep", type=Path, help="leave the databases here")
    parser.add_argument("--json", action="store_true")
    args = parser.parse_args()
    plant = planted(args.families, args.lookalikes, args.seed)
    commands = {"after": args.command} if args.no_baseline else {"before": BASELINE, "after": args.command}
    report: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="newsfold-quality-") as scratch:
        folder = args.keep or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for name, command in commands.items():
            run = run_planted(command, plant, folder, name)
            report[name] = {"planted": run.result, "seconds": run.seconds}
            if args.data and args.scorer:
                report[name]["sets"] = run_sets(command, args.scorer, args.data)
    if args.json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        show(report)


if __name__ == "__main__":
    main()
