"""`newsfold doctor`: checks from the outside whether this installation can do its work."""

import os
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import click
import orjson
from rich.console import Console
from rich.markup import escape
from sqlalchemy import select, text

import migrations
from models.engine import open_engine, reading
from models.tables import IndexVersion, StockLine
from worker import inbox
from worker.commands import broker
from worker.core.errors import NewsfoldError
from worker.core.fingerprint import index_name
from worker.inbox import Inbox
from worker.ledger import ATTEMPTS
from worker.settings import QUEUE, Settings

PATIENCE = 4.0
"""Seconds for all checks together: with the start of Python, an answer within five."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    said: str


def run(settings: Settings, json_: bool) -> int:
    """Check everything and print it; return 1 if something is wrong. Takes `PATIENCE` seconds at most."""
    checks = examine(settings)
    if json_:
        listed = [{"name": check.name, "ok": check.ok, "said": check.said} for check in checks]
        click.echo(orjson.dumps(listed, option=orjson.OPT_INDENT_2))
    else:
        for check in checks:
            mark = "[green]ok  [/]" if check.ok else "[red]BAD [/]"
            Console().print(f"{mark} {check.name}: {escape(check.said)}", highlight=False, soft_wrap=True)
    return 0 if all(check.ok for check in checks) else 1


def examine(settings: Settings) -> list[Check]:
    """Make every check at once; one that hangs, on a server or a network share, does not keep the others waiting."""
    looked: dict[str, Callable[[Settings], str]] = {
        "database": _database, "stories": _stories, "broker": _broker, "inbox": _inbox,
    }  # fmt: skip
    found: dict[str, Check] = {}

    def look(name: str) -> None:
        found[name] = _try(name, looked[name], settings)

    threads = {name: threading.Thread(target=look, args=(name,), daemon=True) for name in looked}
    for thread in threads.values():
        thread.start()
    deadline = time.monotonic() + PATIENCE
    for thread in threads.values():
        thread.join(max(0.0, deadline - time.monotonic()))
    checks = [found.get(name) or Check(name, ok=False, said=f"no answer in {PATIENCE:.0f} s") for name in looked]
    if checks[0].ok and "stories" not in found:  # a big database is no broken one
        checks[1] = Check("stories", ok=True, said=f"not counted: that takes longer than {PATIENCE:.0f} s here")
    return checks


def _try(name: str, look: Callable[[Settings], str], settings: Settings) -> Check:
    try:
        return Check(name, ok=True, said=look(settings))
    except NewsfoldError as error:
        return Check(name, ok=False, said=str(error))
    except Exception as error:
        return Check(name, ok=False, said=f"{type(error).__name__}: {str(error).partition(chr(10))[0][:200]}")


def _database(settings: Settings) -> str:
    engine = open_engine(settings.database_url, read_only=True)
    if not migrations.is_current(engine):
        raise NewsfoldError("no newsfold schema, or an older one; run `newsfold migrate`")
    with reading(engine) as connection:
        name = connection.scalar(select(IndexVersion.name).order_by(IndexVersion.id.desc()).limit(1))
        stock = connection.scalars(select(StockLine.key)).all()
    if name not in (None, index_name(stock, settings.window)):
        raise NewsfoldError("indexed by another version; run `newsfold rebuild`")
    return f"{engine.dialect.name}, schema and index current"


def _stories(settings: Settings) -> str:
    engine = open_engine(settings.database_url, read_only=True)
    with reading(engine) as connection:
        count = {
            name: connection.scalar(text(query), {"attempts": ATTEMPTS}) or 0
            for name, query in {
                "articles": "SELECT count(*) FROM articles",
                "stories": "SELECT count(*) FROM stories",
                "unlinked": "SELECT count(*) FROM texts WHERE linked = false",
                "headless": "SELECT count(*) FROM stories s LEFT JOIN texts t ON t.id = s.canonical_text_id "
                "AND t.story_id = s.id WHERE t.id IS NULL",
                "given_up": "SELECT count(*) FROM link_attempts l JOIN texts t ON t.id = l.text_id "
                "WHERE t.linked = false AND l.attempts >= :attempts",
                "off": "SELECT count(*) FROM deliveries "
                "WHERE state = 'done' AND received <> new + duplicate + rejected",
            }.items()
        }
    if count["headless"] or count["off"]:
        raise NewsfoldError(
            f"{count['headless']} stories without canonical text, {count['off']} deliveries do not add up"
        )
    if count["given_up"]:
        raise NewsfoldError(
            f"{count['given_up']} texts are stored and in no story: linking them failed or killed the worker "
            f"{ATTEMPTS} times; see the log, and once the cause is mended `newsfold rebuild`"
        )
    return (
        f"{count['articles']:,} articles in {count['stories']:,} stories, {count['unlinked']:,} texts waiting for links"
    )


def _broker(settings: Settings) -> str:
    if settings.embedded:
        return "none needed: `newsfold run` is watcher and workers in one"
    with broker.client(settings) as server:
        broker.check_policy(server)
        return f"Redis answers, {server.llen(QUEUE):,} tasks waiting"


def _inbox(settings: Settings) -> str:
    box = Inbox(settings.inbox)
    for folder in (box.incoming, box.processing, box.done, box.failed):
        if not folder.is_dir():
            raise NewsfoldError(f"{folder} is missing; `newsfold run` or `newsfold watch` makes it")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise NewsfoldError(f"{folder} cannot be written to")
    devices = {folder.stat().st_dev for folder in (box.incoming, box.processing, box.done, box.failed)}
    if len(devices) > 1:
        raise NewsfoldError("incoming, processing, done and failed must lie on one file system: claims are renames")
    batches = inbox.claimed_batches(box)
    age = f", the oldest {time.time() - inbox.claimed_at(batches[0]):,.0f} s ago" if batches else ""
    return f"{box.root}: {len(batches):,} batches claimed{age}; {shutil.disk_usage(box.root).free >> 30} GB free"
