"""The table of `benchmarks.bench`, for people."""

from collections.abc import Sequence
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

WORK = {
    "sketch": "text → signature and keys, one core",
    "batch": "{articles:,} articles, JSONL → stories (peers: clusters)",
    "services": "the same with 2 workers, Redis, PostgreSQL",
    "inbox": "{articles:,} small files through the inbox",
    "stream": "one article in, linked, while {stored:,} are stored",
}
Turns = list[dict[str, Any]]


def show(entries: Turns, versions: dict[str, str], missing: Sequence[str]) -> None:
    """Print medians over the rounds, each beside newsfold's own."""
    table = Table(title="newsfold and its peers: same corpus, same run, medians", title_justify="left")
    for name in ("work", "by", "articles/s", "newsfold is", "CPU s", "memory MB", "syndicated", "all", "strangers"):
        table.add_column(name, justify="left" if name in ("work", "by") else "right")
    for cells in lines(entries):
        table.add_row(*cells)
    console = Console(width=None if Console().is_terminal else 170)
    console.print(table)
    for line in latencies(entries):
        console.print(line)
    console.print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if missing:
        console.print(f"not installed here: {', '.join(missing)}")
    console.print(
        "memory: peak of the whole process tree, shared pages counted once; syndicated, all: share of planted copies "
        "in one story with their original; strangers: share of articles in a story with another family's article"
    )


def lines(entries: Turns) -> list[tuple[str, ...]]:
    """A line for each contender, rows in their order; speeds are compared with the first of the row."""
    made = []
    groups = grouped(entries)
    first: dict[str, float | None] = {}
    for (row, who), turns in groups.items():
        told = next((turn for turn in turns if "failed" not in turn), {"articles": 0})
        work = "" if row in first else WORK[row].format(articles=told["articles"], stored=told.get("stored", 0))
        made.append((work, who, *_cells(turns, first.setdefault(row, speed(turns)))))
    return made


def grouped(entries: Turns) -> dict[tuple[str, str], Turns]:
    """Turns by row and contender, in order of appearance."""
    groups: dict[tuple[str, str], Turns] = {}
    for entry in entries:
        groups.setdefault((entry["row"], entry["who"]), []).append(entry)
    return groups


def speed(turns: Turns) -> float | None:
    """Median articles a second of the turns that did not fail."""
    speeds = [turn["articles"] / turn["seconds"] for turn in turns if "failed" not in turn]
    return median(speeds) if speeds else None


def latencies(entries: Turns) -> list[str]:
    """What is told of contenders by latency."""
    told = []
    for (_, who), turns in grouped(entries).items():
        times = [turn for turn in turns if "median_ms" in turn]
        if times:
            middle, high = (median(t[name] for t in times) for name in ("median_ms", "p99_ms"))
            told.append(f"{who}: median {middle:.1f} ms, 99th percentile {high:.1f} ms")
    return told


def _cells(turns: Turns, own: float | None) -> tuple[str, ...]:
    mine = speed(turns)
    if mine is None:
        return ("failed", *[""] * 6)
    turns = [turn for turn in turns if "failed" not in turn]
    ratio = f"{own / mine:.2f} ×" if own else "–"
    memory = max(turn["pss"] for turn in turns) / 1e6
    shares = [[turn[name] for turn in turns if name in turn] for name in ("syndicated", "all", "strangers")]
    return (
        f"{mine:,.0f}",
        ratio,
        f"{median(turn['cpu'] for turn in turns):.2f}",
        f"{memory:,.0f}",
        *(f"{median(values):.3f}" if values else "–" for values in shares),
    )
