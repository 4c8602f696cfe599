"""`newsfold prune`: what is old goes out of the index, or out of the database."""

import re
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click
import orjson
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from worker import prune
from worker.core.errors import NewsfoldError
from worker.logs import configure_logs
from worker.pipeline import Pipeline
from worker.prune import Pruned
from worker.settings import Settings


def cut_off(age: str, now: datetime) -> datetime:
    """When what is older than `age` (such as 90d or 12w) ends: at midnight, UTC. Raises NewsfoldError."""
    said = re.fullmatch(r"(\d{1,6})([dw])", age)
    days = int(said[1]) * {"d": 1, "w": 7}[said[2]] if said else 0
    if not 0 < days < 150_000:
        raise NewsfoldError(f"--older-than takes days or weeks, such as 90d or 12w, not {age!r}")
    midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight - timedelta(days=days)


def run(engine: Engine, age: str, *, deleting: bool, dry_run: bool, json_: bool) -> int:
    """Prune, or say what pruning would take out; return the exit code, 0."""
    configure_logs()
    cut = cut_off(age, datetime.now(UTC))
    pruned = prune.count_before(engine, cut, deleting=deleting) if dry_run else _prune(engine, cut, deleting, json_)
    if json_:
        told = {"before": cut, "dry_run": dry_run, "deleted": deleting, **asdict(pruned)}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        click.echo(_sentence(pruned, cut, deleting, "would go" if dry_run else "gone"))
    return 0


def _prune(engine: Engine, cut: datetime, deleting: bool, json_: bool) -> Pruned:
    console = Console(stderr=True)
    columns = TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=json_ or not console.is_terminal, transient=True) as progress:
        bar = progress.add_task("seen")

        def count(step: str, more: int) -> None:
            progress.update(bar, description=f"{step} seen", advance=more)

        if deleting:
            return prune.delete_before(Pipeline.open(engine, Settings.from_environment().window), cut, count)
        return prune.forget_before(engine, cut, count)


def _sentence(pruned: Pruned, cut: datetime, deleting: bool, verb: str) -> str:
    if not deleting:
        return f"{pruned.postings:,} keys of texts from before {cut:%Y-%m-%d} {verb} from the index"
    return (
        f"{pruned.articles:,} articles from before {cut:%Y-%m-%d} {verb}, "
        f"with them {pruned.texts:,} texts and {pruned.stories:,} stories"
    )
