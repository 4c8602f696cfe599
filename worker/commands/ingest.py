"""`newsfold ingest`: files where they lie, straight through the pipeline, no queue."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from worker import inbox
from worker.ledger import Drop
from worker.logs import configure_logs
from worker.pipeline import Outcome, Pipeline, describe

GROUP = 200
"""Files described and entered in the ledger at a time."""


def run(engine: Engine, paths: Sequence[Path], json_: bool) -> int:
    """Ingest and report; return the exit code: 0, or 1 if a file failed."""
    configure_logs()
    pipeline = Pipeline.open(engine)
    files = [found for path in paths for found in _files(path)]
    outcomes = []
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=json_ or not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("0 articles", total=len(files))
        articles = 0

        def count(more: int) -> None:
            nonlocal articles
            articles += more
            progress.update(bar, description=f"{articles:,} articles")

        for drops in _groups(files):
            for outcome in pipeline.ingest(drops, count):
                outcomes.append(outcome)
                progress.advance(bar)
    _report(outcomes, json_)
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def _files(path: Path) -> Iterator[tuple[Path, str, str | None]]:
    """Yield (file, printable name, source): below a folder the first level names the source."""
    if not path.is_dir():
        yield path, inbox.printable(path), None
        return
    for file, _ in inbox.walk(path):
        relative = file.relative_to(path)
        yield file, inbox.printable(file), relative.parts[0] if len(relative.parts) > 1 else None


def _groups(files: Sequence[tuple[Path, str, str | None]]) -> Iterator[list[Drop]]:
    for start in range(0, len(files), GROUP):
        drops = []
        for file in files[start : start + GROUP]:
            with suppress(FileNotFoundError):  # gone since it was listed
                drops.append(describe(*file))
        yield drops


def _report(outcomes: Sequence[Outcome], json_: bool) -> None:
    total: dict[str, Any] = {
        name: sum(getattr(one, name) for one in outcomes) for name in ("received", "new", "duplicate", "rejected")
    }
    failed = [one for one in outcomes if one.state == "failed"]
    if json_:
        listed = [{"path": one.drop.path, "error": one.error} for one in failed]
        click.echo(orjson.dumps({"files": len(outcomes), **total, "failed": listed}, option=orjson.OPT_INDENT_2))
        return
    for one in failed:
        click.echo(f"failed: {one.drop.path}: {one.error}", err=True)
    partly = sum(1 for one in outcomes if one.rejected and one.state == "done")
    click.echo(
        f"{len(outcomes):,} files, {total['received']:,} records: {total['new']:,} new, "
        f"{total['duplicate']:,} known already, {total['rejected']:,} rejected; {len(failed):,} files failed"
        + (f" (`newsfold deliveries` says why records of {partly:,} were rejected)" if partly else "")
    )
