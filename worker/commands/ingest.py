"""`newsfold ingest`: files where they lie, straight through the pipeline, no queue."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from worker import inbox, searching
from worker.hands import Group, Hands, Named, described, size
from worker.logs import configure_logs
from worker.pipeline import Outcome, Pipeline, warm_up
from worker.settings import Settings

GROUP = 200
"""Files worked off at a time."""
FEW = 1 << 20
"""Bytes that one process ingests by itself, if it is no more than a group of files: starting others takes a second."""


def run(engine: Engine, paths: Sequence[Path], json_: bool) -> int:
    """Ingest and report; return the exit code: 0, or 1 if a file failed."""
    configure_logs()
    pipeline = Pipeline.open(engine, Settings.from_environment().window)
    groups = _groups([found for path in paths for found in _files(path)])
    outcomes: list[Outcome] = []
    with _hands(pipeline, groups) as hands, _bar(sum(map(len, groups)), shown=not json_) as (count, ended):
        for outcome in hands.ingest(groups, count) if hands else _here(pipeline, groups, count):
            outcomes.append(outcome)
            ended()
        searching.fill(engine)
    _report(outcomes, json_)
    return 1 if any(outcome.state == "failed" for outcome in outcomes) else 0


def _hands(pipeline: Pipeline, groups: Sequence[Group]) -> AbstractContextManager[Hands | None]:
    """The processes that ingest, or None if it is not worth starting them."""
    processes = Hands.available(pipeline.engine)
    if processes < 2 or (len(groups) <= 1 and sum(map(size, groups)) <= FEW):
        return nullcontext()
    return Hands(pipeline, processes)


def _here(pipeline: Pipeline, groups: Sequence[Group], count: Callable[[int], None]) -> Iterator[Outcome]:
    warm_up()
    for group in groups:
        yield from pipeline.ingest(described(group), count)


@contextmanager
def _bar(files: int, *, shown: bool) -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """Show progress on a terminal; yields what to call with articles, and what for each file."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("files"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal), transient=True) as progress:
        bar = progress.add_task("0 articles", total=files)
        articles = 0

        def count(more: int) -> None:
            nonlocal articles
            articles += more
            progress.update(bar, description=f"{articles:,} articles")

        yield count, lambda: progress.advance(bar)


def _files(path: Path) -> Iterator[Named]:
    """Yield (file, printable name, source): below a folder the first level names the source."""
    if not path.is_dir():
        yield path, inbox.printable(path), None
        return
    for file, _ in inbox.walk(path):
        relative = file.relative_to(path)
        yield file, inbox.printable(file), relative.parts[0] if len(relative.parts) > 1 else None


def _groups(files: Sequence[Named]) -> list[Group]:
    return [files[start : start + GROUP] for start in range(0, len(files), GROUP)]


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
        reason = (one.error or "").removeprefix(f"{Path(one.drop.path).name}: ")  # parsers name the file as well
        click.echo(f"failed: {one.drop.path}: {reason}", err=True)
    partly = sum(1 for one in outcomes if one.rejected and one.state == "done")
    click.echo(
        f"{len(outcomes):,} files, {total['received']:,} records: {total['new']:,} new, "
        f"{total['duplicate']:,} known already, {total['rejected']:,} rejected; {len(failed):,} files failed"
        + (f" (`newsfold deliveries` says why records of {partly:,} were rejected)" if partly else "")
    )
