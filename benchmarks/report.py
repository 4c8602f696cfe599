"""The tables of `benchmarks.quality`, for people."""

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.planted import RELATIONS
from benchmarks.scoring import APART

COLUMNS = (*RELATIONS, "canonical", APART)


def show(report: dict[str, Any]) -> None:
    """Print the summary of all sets, then where the relations went, then the languages."""
    console = Console()
    console.print(_summary(report))
    after = report["after"]["planted"]
    console.print(_confusion(after))
    console.print(_languages(after))
    console.print(_by_how(after))


def _summary(report: dict[str, Any]) -> Table:
    table = Table(title="Match quality: plain MinHash LSH before, newsfold after", title_justify="left")
    table.add_column("set")
    table.add_column("score")
    runs = list(report)
    for name in runs:
        table.add_column(name, justify="right")
    lines = [_lines(report[name]) for name in runs]
    for set_name, label in lines[-1]:
        table.add_row(set_name, label, *(_cell(line.get((set_name, label))) for line in lines))
    return table


def _lines(run: dict[str, Any]) -> dict[tuple[str, str], Any]:
    planted = run["planted"]
    lines: dict[tuple[str, str], Any] = {}
    for name in RELATIONS:
        figures = planted["relations"][name]
        lines["planted", f"{name}: precision / recall"] = f"{_cell(figures['precision'])} / {_cell(figures['recall'])}"
        lines["planted", f"{name}: in one story with its original"] = figures["linked"]
    lines["planted", f"look-alikes merged, of {planted['lookalike_pairs']} pairs"] = planted["lookalike_pairs_merged"]
    lines["planted", "pairs of two families in one story"] = planted["foreign_pairs"]
    lines["planted", "originals that are not canonical"] = planted["originals_not_canonical"]
    lines["planted", f"seconds for {planted['records']} articles"] = run["seconds"]
    for name, figures in run.get("sets", {}).items():
        lines |= _set_lines(name, figures)
    return lines


def _set_lines(name: str, figures: dict[str, Any]) -> dict[tuple[str, str], Any]:
    lines: dict[tuple[str, str], Any] = {}
    for how, pairs in figures.get("pairs", {}).items():
        lines[name, f"{how} pairs: precision / recall"] = f"{_cell(pairs['precision'])} / {_cell(pairs['recall'])}"
        lines[name, f"{how} pairs: F1"] = pairs["f1"]
    if events := figures.get("events"):
        lines[name, "precision / recall of reuse"] = f"{_cell(events['precision'])} / {_cell(events['reuse_recall'])}"
    if seeds := figures.get("seeds"):
        lines[name, "partition"] = "right" if seeds["right"] else "wrong"
    lines[name, f"largest story of {figures['articles']}"] = max(figures["largest"], default=0)
    return lines


def _confusion(planted: dict[str, Any]) -> Table:
    table = Table(title="Planted relation (rows) and the one found (columns)", title_justify="left")
    table.add_column("planted")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    for name, row in planted["confusion"].items():
        cells = [str(row.get(c, 0)) if row.get(c) else "·" for c in COLUMNS]
        right = COLUMNS.index(APART if name == "look-alike" else name)
        cells[right] = f"[bold green]{cells[right]}[/]"
        table.add_row(name, *cells)
    return table


def _languages(planted: dict[str, Any]) -> Table:
    table = Table(title="Recall by language", title_justify="left")
    table.add_column("language")
    for name in (*RELATIONS, "linked at all", "look-alikes merged"):
        table.add_column(name, justify="right")
    for code, row in planted["languages"].items():
        table.add_row(code, *(_cell(row[n]) for n in (*RELATIONS, "linked", "merged")))
    return table


def _by_how(planted: dict[str, Any]) -> Table:
    table = Table(title="Recall by what was done to the text", title_justify="left")
    for name in ("what", "articles", "right", "apart"):
        table.add_column(name, justify="left" if name == "what" else "right")
    for how, row in planted["by_how"].items():
        table.add_row(how, str(row["planted"]), _cell(row["recall"]), _cell(row["apart"]))
    return table


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
