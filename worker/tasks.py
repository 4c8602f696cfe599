"""The Celery tasks. They carry names and ids, never articles; doing one twice changes nothing."""

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import structlog

from models.engine import look
from worker import app as root
from worker import inbox, ledger, parts, searching
from worker.ledger import Drop, Entry
from worker.pipeline import Outcome, PauseError, claim_name, describe, is_big, warm_up

log = structlog.get_logger()

SLICE = 60.0
"""Seconds after which a batch goes back to the end of the queue."""


@root.app.task(name="newsfold.ingest")  # type: ignore[untyped-decorator]
def ingest(batch: str) -> None:
    """Work on one claimed batch; each file moves to its end once the database holds what was in it.

    Whoever finds nobody at it works off its files and splits the big ones; whoever comes besides takes a part of
    those. Then, after `SLICE` seconds, or when the worker is to stop, the rest goes back to the end of the queue.
    """
    with structlog.contextvars.bound_contextvars(batch=batch):
        files = _files(batch)
        with inbox.hold(root.inbox, batch) as ours:
            again = ours and _work_off(batch, files)
        again |= _help(batch, files)
        inbox.clear(root.inbox, batch)
        if again:
            _send(batch)


@root.app.task(name="newsfold.link")  # type: ignore[untyped-decorator]
def link(text_ids: list[int]) -> None:
    """Link texts whose worker died between storing and linking them."""
    root.pipeline().relink(text_ids)


@root.app.task(name="newsfold.search")  # type: ignore[untyped-decorator]
def search() -> None:
    """Tell the search of the texts that wait for it; when other tasks wait, of a batch, and the rest after those."""
    while searching.fill_some(root.engine()):
        if root.queue_length():
            search.delay()
            return


def _files(batch: str) -> dict[str, tuple[Path, Path]]:
    """A batch's files by claim: where each lies, and its path as it was dropped."""
    listed = inbox.batch_files(root.inbox, batch)
    return {claim_name(f"{batch}/{inbox.printable(relative)}"): (file, relative) for file, relative in listed}


def _work_off(batch: str, files: Mapping[str, tuple[Path, Path]]) -> bool:
    """Work off a batch's files; return whether something is left for another time."""
    warm_up()
    progress = _slice()
    try:
        drops = _describe(batch, files)
        big = {}
        for done in root.pipeline().ingest(drops, progress, parts.HEAD) if drops else ():
            if done.state == "received":
                big[done.drop.claim] = files[done.drop.claim]
            else:
                _end(files, done)
        for entry in _big(big):
            parts.split(root.pipeline(), entry, _spools(batch), partial(_recruit, batch, progress))
    except PauseError:
        log.info("batch goes on later")
        return True
    except OSError as error:  # no room for spools: work on those there are makes some, and the sweep comes back
        log.warning("batch cannot be split further now", reason=error.strerror)
    return False


def _help(batch: str, files: Mapping[str, tuple[Path, Path]]) -> bool:
    """Work off one part of a batch's big files, and close those that are done; return whether there was a part."""
    if not _spools(batch).is_dir():
        return False
    big = {entry.id: entry for entry in _big(files)}
    with inbox.helping(root.inbox, batch) as folder:
        try:
            found = parts.help_with(root.pipeline(), list(big.values()), folder, _stop)
        except PauseError:
            return True
        for done in parts.close(root.pipeline(), big):
            _end(files, done)
    if found:
        _recruit(batch)
    return found


def _recruit(batch: str, progress: Callable[[int], None] = lambda articles: None, *spooled: parts.Part) -> None:
    """Send for one more worker if the queue is empty: then somebody has, or soon will have, nothing to do.

    So a big file gets all workers that are free, and never more than one place a worker in the queue.
    """
    _send(batch, unless_busy=True)
    for part in spooled:
        progress(part.records)


def _send(batch: str, *, unless_busy: bool = False) -> None:
    """Send a batch to the end of the queue, or only to an empty one. A broker that is away must not end the work."""
    try:
        if not (unless_busy and root.queue_length()):
            ingest.delay(batch)
    except Exception as error:
        log.warning("the broker is away", answer=type(error).__name__)


def _spools(batch: str) -> Path:
    return root.inbox.processing / batch / inbox.PARTS


def _describe(batch: str, files: Mapping[str, tuple[Path, Path]]) -> list[Drop]:
    """The batch's files as the ledger knows them; only new ones are read for it."""
    known = _known(files)
    drops = []
    for claim, (file, relative) in files.items():
        source = relative.parts[0] if len(relative.parts) > 1 else None
        name = inbox.printable(relative)
        drops.append(known[claim].drop if claim in known else describe(file, name, source, claim=f"{batch}/{name}"))
    return drops


def _big(files: Mapping[str, tuple[Path, Path]]) -> list[Entry]:
    """Those of a batch's files that are worked off in parts, and are not at their end."""
    return [one for one in _known(files).values() if one.state == "received" and is_big(one, parts.HEAD)]


def _known(files: Mapping[str, tuple[Path, Path]]) -> dict[str, Entry]:
    lies = {claim: file for claim, (file, _) in files.items()}
    return look(root.pipeline().engine, partial(ledger.known, claims=lies)) if files else {}


def _end(files: Mapping[str, tuple[Path, Path]], done: Outcome) -> None:
    """Move a file to its end."""
    file, relative = files[done.drop.claim]
    inbox.finish(root.inbox, file, relative, done.error, done.finished_at)
    log.info(
        "file", path=done.drop.path, state=done.state, new=done.new, duplicate=done.duplicate,
        rejected=done.rejected, error=done.error,
    )  # fmt: skip


def _stop(articles: int) -> None:
    if articles and root.pulse.stopping:
        raise PauseError


def _slice() -> Callable[[int], None]:
    """Make a progress callback that ends the slice; its clock starts with the first articles, not with the skipping.

    It lasts as long as the skipping did if that is longer, so that reading on costs no more than reading again.
    """
    began = time.monotonic()
    deadline: float | None = None

    def progress(articles: int) -> None:
        nonlocal deadline
        now = time.monotonic()
        deadline = now + max(SLICE, min(now - began, 4 * SLICE)) if deadline is None else deadline
        if articles and (root.pulse.stopping or now > deadline):
            raise PauseError

    return progress
