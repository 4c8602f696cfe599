"""How far the measured curve carries: postings an article reads at up to 100 million stored, and what machines follow.

    python -m benchmarks.scale                          (a minute or two; prints the tables of docs/scale.md)
    python -m benchmarks.scale --into docs/scale.md     (writes them there)

1. The spectrum: how often keys come up, in a sample of the corpus (`Spectrum`). Below what a sample can tell, rates
   are taken to go on as a power law, whose exponent is the share of keys seen once (Heaps' law and its converse).
2. The simulation: a key that comes up in a share p of the articles has p W postings among W articles, of which a text
   reads all while they fit in a cell, and those of one cell from there on (`worker.core.cells`).
3. The capacity: processor time an article, as a straight line over postings read, fitted to the measured growth.
"""

import argparse
import math
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from benchmarks.corpus import generate
from benchmarks.environment import ROOT
from worker.core.article import Article
from worker.core.cells import CELL
from worker.core.fingerprint import fingerprint
from worker.core.normalise import normalise

Figures = dict[str, Any]

KEPT = 8
"""One key value in so many is followed: the others behave alike."""
FILLED = math.log(2)
"""Mean filling of the cells of a trie whose cells are halved when they overflow (Fagin et al. 1979)."""
REACHED = FILLED * CELL
SIZES = (10**4, 10**5, 10**6, 10**7, 10**8)
PICTURE = "![Articles a second, memory, bytes and latency against articles stored](growth.svg)"
"""Which `benchmarks.growth --picture docs/growth.svg` draws."""
UTILISATION, PEAK = 0.7, 3.0
"""How busy a worker may be, and the busiest hour against the mean one."""
SCENARIOS = ((10_000, 30, 365), (100_000, 30, 365), (1_000_000, 30, 90), (1_000_000, 7, 30))
"""Articles a day, window in days, days kept."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How common the keys of an article are."""

    articles: int
    """In the sample."""
    keys: float
    """Of an article, on average."""
    counts: NDArray[np.int64]
    """For each (article, key) followed: in how many articles of the sample the key stands."""

    @property
    def exponent(self) -> float:
        """New keys come as n ** exponent: the share of distinct keys that were seen once."""
        distinct = (1 / self.counts).sum()
        return min(0.95, float((self.counts == 1).sum() / distinct))

    def postings(self, window: int) -> float:
        """Postings that an article reads when so many articles are within its window."""
        rates = self.counts / self.articles
        tail = self.counts == 1
        rest = (np.arange(tail.sum()) + 0.5) / max(1, tail.sum())
        rates[tail] = rest ** (1 / (1 - self.exponent)) / self.articles
        there = rates * window
        return float(np.where(there > CELL, REACHED, there).mean() * self.keys)


def spectrum(articles: int, seed: int = 1) -> Spectrum:
    """Count the keys of a sample of the corpus, at the density of a million in 30 days."""
    followed, total = [], 0
    for record in islice(generate(1_000_000, seed), articles):
        normal = normalise(Article(headline=record["title"], text=record["text"]))
        keys = fingerprint(normal.headline, normal.body).keys
        total += len(keys)
        followed.append(keys[(keys.astype(np.int64) * 2_654_435_761 >> 7) % KEPT == 0])
    _, which, counts = np.unique(np.concatenate(followed), return_inverse=True, return_counts=True)
    return Spectrum(articles, total / articles, counts[which])


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of a processor an article takes: `fixed + each * postings`."""

    fixed: float
    each: float

    def at(self, postings: float) -> float:
        """Milliseconds an article."""
        return self.fixed + self.each * postings


def fitted(parts: list[Figures], found: Spectrum) -> Cost:
    """Fit the cost to the parts of a run of `benchmarks.growth`, by least squares."""
    postings = np.array([found.postings(int(part["until"])) for part in parts])
    spent = np.array([part["cpu"] / part["articles"] * 1e3 for part in parts])
    each, fixed = np.polyfit(postings, spent, 1) if len(parts) > 2 else (0.0, float(spent.mean()))
    return Cost(float(fixed), max(0.0, float(each)))


def simulation(found: Spectrum, cost: Cost | None) -> str:
    """Postings and cost an article by how many articles are in the window."""
    reads = [(size, found.postings(size)) for size in SIZES]
    rows = [[f"{size:,}", f"{read:,.0f}", f"{cost.at(read):.2f}" if cost else "–"] for size, read in reads]
    told = f"An article has {found.keys:.0f} keys; in {found.articles:,}, distinct ones grow as n^{found.exponent:.2f}."
    if cost:
        told += f" It takes {cost.fixed:.2f} ms of a processor, and {cost.each * 1e3:.2f} µs for each posting read."
    return f"{told}\n\n{_table(['articles in the window', 'postings an article reads', 'CPU ms'], rows)}"


def capacity(found: Spectrum, cost: Cost, disk: Figures) -> str:
    """What each scenario needs."""
    rows = []
    for daily, window, kept in SCENARIOS:
        spent = cost.at(found.postings(daily * window))
        processes = math.ceil(daily / 86_400 * PEAK * spent / 1e3 / UTILISATION)
        rows.append([
            f"{daily:,}", f"{window} days", f"{kept} days", f"{spent:.1f}", str(max(2, processes)),
            _size(daily * window * disk["index"]), _size(daily * kept * disk["total"]),
        ])  # fmt: skip
    heads = [
        "articles a day",
        "window",
        "kept",
        "CPU ms an article",
        "processes",
        "index in the window",
        "disk",
    ]
    return _table(heads, rows)


def measured(entries: list[Figures]) -> str:
    """The growth run: a row for each mark, of all that came since the one before."""
    rows, since = [], []
    for entry in entries:
        if entry["kind"] == "part":
            since.append(entry)
            continue
        articles, disk = sum(part["articles"] for part in since), entry["bytes"]
        print_, all_ = (disk["index"] + disk["fingerprints"]) / entry["until"], disk["total"] / entry["until"]
        rows.append([
            f"{entry['until']:,}", f"{articles / sum(part['seconds'] for part in since):,.0f}",
            f"{sum(part['cpu'] for part in since) / articles * 1e3:.2f}",
            f"{sum(part['candidates'] for part in since) / articles:.1f}",
            f"{max(part['pss'] for part in since) / 1e6:,.0f}", f"{print_ / 1e3:.2f}", f"{all_ / 1e3:.2f}",
            f"{entry['median_ms']:.1f}", f"{entry['p99_ms']:.1f}",
        ])  # fmt: skip
        since = []
    heads = ["stored", "articles/s", "CPU ms", "candidates", "memory MB", "index and fingerprints KB", "all KB",
             "one article: median ms", "99 % ms"]  # fmt: skip
    return f"{_table(heads, rows)}\n\n{_ends([entry for entry in entries if entry['kind'] == 'part'])}"


def _ends(parts: list[Figures]) -> str:
    """The last tenth against the first."""
    tenth = max(1, len(parts) // 10)
    first, last = parts[:tenth], parts[-tenth:]
    clock, cpu = (
        sum(part[of] for part in first) / sum(part["articles"] for part in first)
        / (sum(part[of] for part in last) / sum(part["articles"] for part in last))
        for of in ("seconds", "cpu")
    )  # fmt: skip
    return f"The last tenth went in {clock:.2f} × as fast as the first by the clock, {cpu:.2f} × by processor time."


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---:"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _size(size: float) -> str:
    return f"{size / 1e9:,.1f} GB" if size < 1e12 else f"{size / 1e12:,.1f} TB"


def _read(path: Path) -> tuple[list[Figures], list[Figures], Figures]:
    """All of a growth run, its parts, and the bytes an article at its last mark."""
    entries = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    mark = [entry for entry in entries if entry["kind"] == "mark"][-1]
    disk = {name: size / mark["until"] for name, size in mark["bytes"].items()}
    return entries, [entry for entry in entries if entry["kind"] == "part"], disk


def write(document: Path, sections: dict[str, str]) -> None:
    """Put each section between its two marks in a document."""
    text = document.read_text(encoding="utf-8")
    for name, section in sections.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, _, rest = text.partition(begin)
        _, _, after = rest.partition(end)
        text = f"{before}{begin}\n{section}\n{end}{after}"
    document.write_text(text, encoding="utf-8")


def main() -> None:
    """Print the tables, or write them into a document."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    growth = ROOT / ".bench" / "growth" / "growth-sqlite-1000000.jsonl"
    parser.add_argument("--growth", type=Path, default=growth, help="figures of `benchmarks.growth`")
    parser.add_argument("--disk", type=Path, help="figures to take the bytes from (default: the same)")
    parser.add_argument("--articles", type=int, default=100_000, help="in the sample that gives the spectrum")
    parser.add_argument("--into", type=Path, help="a document with the marks, such as docs/scale.md")
    args = parser.parse_args()
    found = spectrum(args.articles)
    sections = {"simulation": simulation(found, None)}
    if args.growth.exists():
        entries, parts, disk = _read(args.growth)
        cost = fitted(parts, found)
        disk = _read(args.disk)[2] if args.disk else disk
        sections = {
            "growth": f"{PICTURE}\n\n{measured(entries)}",
            "simulation": simulation(found, cost),
            "machines": capacity(found, cost, disk),
        }
    if args.into:
        write(args.into, sections)
    else:
        print("\n\n".join(sections.values()))


if __name__ == "__main__":
    main()
