"""Draw what `benchmarks.growth` measured. Needs matplotlib and nothing of newsfold: run by `.venv-bench`."""

import json
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

INK, SOFT, ACCENT, SECOND = "#1f2933", "#9aa5b1", "#0b69a3", "#d64545"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "newsfold",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": SOFT,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
}


def thousands(value: float, _: object = None) -> str:
    """500k, 1M."""
    return f"{value / 1e6:g}M" if value >= 1e6 else f"{value / 1e3:g}k" if value else "0"


def smooth(values: list[float], width: int) -> list[float]:
    """Means over so many neighbours: single parts are noisy on a machine that others use."""
    return [sum(near) / len(near) for i in range(len(values)) if (near := values[max(0, i - width + 1) : i + 1])]


def speed(axes: Axes, parts: list[dict[str, Any]]) -> None:
    """Articles a second, by wall clock and by processor time."""
    at = [p["until"] for p in parts]
    width = max(1, len(parts) // 20)
    walls = smooth([p["articles"] / p["seconds"] for p in parts], width)
    cpus = smooth([p["articles"] / p["cpu"] for p in parts], width)
    axes.plot(at, walls, color=ACCENT, label="a second of the clock")
    axes.plot(at, cpus, color=SOFT, label="a second of one processor")
    axes.set_title("Articles ingested and linked")


def memory(axes: Axes, parts: list[dict[str, Any]]) -> None:
    """Peak of the process tree."""
    at = [p["until"] for p in parts]
    axes.plot(at, [p["pss"] / 1e6 for p in parts], color=ACCENT, label="shared pages once (PSS)")
    axes.plot(at, [p["rss"] / 1e6 for p in parts], color=SOFT, label="RSS")
    axes.set_title("Memory of all processes, MB")


def disk(axes: Axes, marks: list[dict[str, Any]]) -> None:
    """Bytes an article, stacked."""
    at = [m["until"] for m in marks]
    names = ("index", "fingerprints", "matches", "search", "stored")
    rows = [[m["bytes"][name] / m["until"] / 1e3 for m in marks] for name in names]
    labels = ("index", "fingerprints", "matches", "full-text search", "texts, articles, stories")
    axes.stackplot(at, rows, labels=labels, colors=(ACCENT, "#62b0e8", "#f0b429", "#cbd2d9", "#e4e7eb"))
    axes.set_title("KB on disk an article")


def latency(axes: Axes, marks: list[dict[str, Any]]) -> None:
    """One article at a time."""
    at = [m["until"] for m in marks]
    axes.plot(at, [m["p99_ms"] for m in marks], color=SECOND, marker=".", label="99th percentile")
    axes.plot(at, [m["median_ms"] for m in marks], color=ACCENT, marker=".", label="median")
    axes.set_title("One article in, linked: ms")


def main() -> None:
    """Read the JSON lines of the first argument, write the picture of the second."""
    entries = [json.loads(line) for line in Path(sys.argv[1]).read_text().splitlines()]
    parts = [entry for entry in entries if entry["kind"] == "part"]
    marks = [entry for entry in entries if entry["kind"] == "mark"]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(2, 2, figsize=(9, 5.4), sharex=True, layout="constrained")
        speed(axes[0][0], parts)
        memory(axes[0][1], parts)
        disk(axes[1][0], marks)
        latency(axes[1][1], marks)
        for panel in axes.flat:
            panel.set_ylim(bottom=0)
            panel.set_xlim(left=0)
            panel.xaxis.set_major_formatter(FuncFormatter(thousands))
            panel.legend(frameon=False, fontsize=8)
        for panel in axes[1]:
            panel.set_xlabel("articles stored")
        figure.savefig(sys.argv[2], metadata={"Date": None})


if __name__ == "__main__":
    main()
