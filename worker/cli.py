"""The command line: a thin skin over the pipeline and the read queries.

Everything heavy (numba, Celery, parsers) is imported by the commands that need it: reading starts in half a second.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from worker import __version__
from worker.core.errors import NewsfoldError
from worker.settings import Settings

as_json = click.option("--json", "json_", is_flag=True, help="Print JSON, for programs.")
limited = click.option("--limit", default=20, show_default=True, type=click.IntRange(1), help="At most this many.")


def emit(value: object) -> None:
    """Print a value as JSON."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


@contextmanager
def database(*, write: bool = False) -> Iterator[Engine]:
    """The configured database; embedded (SQLite) ones are brought to the current schema by whoever writes."""
    import migrations
    from models.engine import open_engine

    settings = Settings.from_environment()
    engine = open_engine(settings.database_url, read_only=not write)
    try:
        current = migrations.is_current(engine)  # which takes no Alembic: loading it takes half a second
        if write and engine.dialect.name == "sqlite" and not current:
            migrations.upgrade(engine)
        elif not current:
            raise NewsfoldError("the database has no newsfold schema, or an older one; run `newsfold migrate`")
        yield engine
    finally:
        engine.dispose()


@contextmanager
def reading() -> Iterator[Connection]:
    """A read transaction on the configured database."""
    from models import engine as engines

    with database() as engine, engines.reading(engine) as connection:
        yield connection


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def cli() -> None:
    """Fold a stream of news files into stories.

    Settings come from the environment: NEWSFOLD_DATABASE_URL (sqlite:///newsfold.db), NEWSFOLD_BROKER_URL (memory://)
    and NEWSFOLD_INBOX (inbox).
    """


@cli.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@as_json
def ingest(paths: tuple[Path, ...], json_: bool) -> None:
    """Ingest files and folders, where they lie.

    Below a folder, the first level names the source. Doing it twice changes nothing. Exits 1 if a file failed.
    """
    from worker import sandbox

    sandbox.start_early()
    from worker.commands import ingest as command

    with database(write=True) as engine:
        sys.exit(command.run(engine, paths, json_))


@cli.command()
def run() -> None:
    """Watch the inbox and work it off on all cores of this machine (SQLite, no broker)."""
    from worker.forks import start_early

    start_early()
    from worker.commands import serve

    with database(write=True):
        serve.run()


@cli.command()
def watch() -> None:
    """Claim files dropped into the inbox and send them to the workers."""
    from worker.commands import serve

    with database(write=True):
        serve.watch()


@cli.command()
@click.option("--concurrency", "-c", type=click.IntRange(1), help="Processes; by default one a core.")
def worker(concurrency: int | None) -> None:
    """Work off what the watcher sends (a Celery worker)."""
    from worker.commands import supervise

    with database(write=True):
        pass  # the schema is there
    sys.exit(supervise.work(concurrency))


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    import migrations
    from models.engine import open_engine

    engine = open_engine(Settings.from_environment().database_url)
    migrations.upgrade(engine)
    click.echo("the schema is current")


@cli.command()
@limited
@click.option("--least", default=1, show_default=True, type=click.IntRange(1), help="Only stories of so many articles.")
@click.option("--members", is_flag=True, help="Show every story's variants and why each belongs.")
@as_json
def stories(limit: int, least: int, members: bool, json_: bool) -> None:
    """List stories, newest first."""
    from models import queries
    from worker.commands import show

    with reading() as connection:
        found = queries.stories(connection, limit, least)
        if members:
            _attach_members(connection, found)
    emit(found) if json_ else show.stories(found)


@cli.command()
@click.argument("story_id", type=int)
@click.option("--why", is_flag=True, help="Name the features that decided each link.")
@as_json
def story(story_id: int, why: bool, json_: bool) -> None:
    """Show one story: canonical article, variants, evidence, and what each variant changed."""
    from worker.commands import show

    with reading() as connection:
        found = show.gather_story(connection, story_id)
    if found is None:
        click.echo(f"there is no story {story_id}", err=True)
        sys.exit(1)
    emit(found) if json_ else show.story(found, why)


@cli.command()
@click.argument("words", nargs=-1, required=True)
@limited
@as_json
def search(words: tuple[str, ...], limit: int, json_: bool) -> None:
    """List the stories that hold all these words."""
    from models import queries
    from worker.commands import show

    with reading() as connection:
        found = queries.search(connection, [part for word in words for part in word.split()], limit)
        waiting = queries.unsearched(connection)
    emit(found) if json_ else show.stories(found)
    if waiting:
        click.echo(f"{waiting:,} new texts cannot be searched yet: workers see to it when no file waits", err=True)


@cli.command()
@click.option("--failed", is_flag=True, help="Only files that failed.")
@limited
@as_json
def deliveries(failed: bool, limit: int, json_: bool) -> None:
    """Show the ledger: what became of every file."""
    from models import queries
    from worker.commands import show

    with reading() as connection:
        found = queries.deliveries(connection, limit, "failed" if failed else None)
    emit(found) if json_ else show.deliveries(found)


@cli.command()
@click.argument("names", nargs=-1)
def retry(names: tuple[str, ...]) -> None:
    """Put failed files back into the inbox: all of them, or those named."""
    from worker.commands import files
    from worker.inbox import Inbox

    moved = files.retry(Inbox(Settings.from_environment().inbox), names)
    click.echo(f"{moved} files")
    sys.exit(1 if names and not moved else 0)


@cli.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@as_json
def parse(path: Path, json_: bool) -> None:
    """Show what newsfold makes of a file, storing nothing."""
    from worker.commands import files

    sys.exit(files.parse(path, json_))


@cli.command()
@as_json
def formats(json_: bool) -> None:
    """List the formats newsfold reads."""
    from worker.commands import files

    files.formats(json_)


@cli.command()
def rebuild() -> None:
    """Re-index and regroup everything from the stored texts. Stop the workers first."""
    from rich.progress import Progress

    from worker.rebuild import rebuild as again

    with database(write=True) as engine, Progress() as bars:
        steps = {name: bars.add_task(name, total=None) for name in ("index", "link")}
        again(
            engine,
            lambda step, done, total: bars.update(steps[step], completed=done, total=total),
            Settings.from_environment().window,
        )


@cli.command()
@click.option("--older-than", "age", required=True, metavar="AGE", help="Such as 90d or 12w, by publication.")
@click.option("--delete", "deleting", is_flag=True, help="Delete articles, texts and emptied stories as well.")
@click.option("--dry-run", is_flag=True, help="Count what would go, changing nothing.")
@as_json
def prune(age: str, deleting: bool, dry_run: bool, json_: bool) -> None:
    """Take old texts out of the index: they stay in their stories, and nothing new is matched to them.

    With --delete they leave the database. Workers may go on. Doing it twice changes nothing.
    """
    from worker.commands import prune as command

    with database(write=not dry_run) as engine:
        sys.exit(command.run(engine, age, deleting=deleting, dry_run=dry_run, json_=json_))


@cli.command()
def export() -> None:
    """Print stories, members and evidence, sorted by content: two databases of the same articles print the same."""
    from worker.commands import export as command

    with reading() as connection:
        for line in command.lines(connection):
            sys.stdout.buffer.write(line)


@cli.command()
@as_json
def doctor(json_: bool) -> None:
    """Check database, broker, inbox and stories. Exits 1 if something is wrong."""
    from worker.commands import doctor as command

    sys.exit(command.run(Settings.from_environment(), json_))


def _attach_members(connection: Connection, found: Sequence[dict[str, Any]]) -> None:
    from models import queries

    by_story: dict[int, list[dict[str, Any]]] = {row["story_id"]: [] for row in found}
    for member in queries.members(connection, list(by_story)):
        by_story[member["story_id"]].append(member)
    for row in found:
        row["members"] = by_story[row["story_id"]]


def main() -> None:
    """Run the command line; errors newsfold foresaw are one line and exit code 2."""
    try:
        cli()
    except NewsfoldError as error:
        click.echo(f"newsfold: {error}", err=True)
        sys.exit(2)
    except DBAPIError as error:
        click.echo(f"newsfold: the database answered: {str(error.orig).splitlines()[0]}", err=True)
        sys.exit(2)
