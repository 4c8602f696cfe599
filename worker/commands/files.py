"""`newsfold parse`, `formats` and `retry`: looking at files, and trying failed ones again."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table

from worker import inbox
from worker.core.article import Article
from worker.core.errors import ParseError
from worker.parsing import FORMATS
from worker.pipeline import open_regular
from worker.sandbox import parse_file_with_format


def parse(path: Path, json_: bool) -> int:
    """Print what newsfold makes of a file, storing nothing; return 1 if it cannot be read to its end."""
    console = Console()
    try:
        with open_regular(path) as stream:
            for found in parse_file_with_format(stream, path.name):
                _show(console, *found, json_)
    except (ParseError, OSError) as error:
        click.echo(f"{path}: {error}", err=True)
        return 1
    return 0


def formats(json_: bool) -> None:
    """List the formats newsfold reads."""
    if json_:
        listed = [{"name": format_.name, "standard": format_.standard} for format_ in FORMATS]
        click.echo(orjson.dumps(listed, option=orjson.OPT_INDENT_2))
        return
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("format")
    table.add_column("standard")
    for format_ in FORMATS:
        table.add_row(format_.name, format_.standard)
    Console().print(table)


def retry(box: inbox.Inbox, names: Sequence[str]) -> int:
    """Move failed files (all of them, or those named as below `failed/`) back into `incoming/`; return how many."""
    moved = 0
    for path, _ in list(inbox.walk(box.failed)):
        relative = path.relative_to(box.failed)
        if path.name.endswith(".error.json") or (names and str(relative) not in names and path.name not in names):
            continue
        click.echo(f"{inbox.printable(relative)} goes back to incoming/")
        inbox.give_back(box, path)
        moved += 1
    return moved


def _show(console: Console, format_: str, found: Any, json_: bool) -> None:
    if json_:
        kind = "article" if isinstance(found, Article) else "rejected"
        click.echo(orjson.dumps({"format": format_, "kind": kind, **found._asdict()}, default=dict))
        return
    if not isinstance(found, Article):
        console.print(f"[yellow]rejected[/] ({format_}) {found.position}: {found.reason}", highlight=False)
        return
    console.print(f"[bold]{found.headline or '(no headline)'}[/] ({format_})", highlight=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in found._asdict().items():
        if name not in ("headline", "text", "metadata") and value:
            table.add_row(f"  {name}", str(value))
    for name, value in found.metadata.items():
        table.add_row(f"  [dim]{name}[/]", str(value))
    console.print(table)
    console.print(f"  {len(found.text.split()):,} words: {found.text[:300]!r}", highlight=False, markup=False)
