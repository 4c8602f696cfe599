"""The Celery tasks. They carry names and ids, never articles; doing one twice changes nothing."""

import time
from collections.abc import Callable, Iterator

import structlog

from worker import app as root
from worker import inbox
from worker.ledger import Drop
from worker.pipeline import describe

log = structlog.get_logger()

SLICE = 60.0
"""Seconds after which a batch goes back to the end of the queue: a big file does not keep small ones waiting."""


class SliceEndError(BaseException):
    """The time for this batch is over. Not an Exception: nobody is to take it for the file's fault."""


@root.app.task(name="newsfold.ingest")  # type: ignore[untyped-decorator]
def ingest(batch: str) -> None:
    """Work off the files of one claimed batch; each moves to its end once the database holds what was in it.

    After `SLICE` seconds, or when the worker is to stop, the rest is left where it is and sent again.
    """
    with inbox.hold(root.inbox, batch) as ours:
        if not ours:  # finished, or another worker is at it
            return
        try:
            _work_off(batch, _slice())
        except SliceEndError:
            log.info("batch goes on later", batch=batch)
        else:
            inbox.clear(root.inbox, batch)
            return
    ingest.delay(batch)


@root.app.task(name="newsfold.link")  # type: ignore[untyped-decorator]
def link(text_ids: list[int]) -> None:
    """Link texts whose worker died between storing and linking them."""
    root.pipeline().link(text_ids)


def _work_off(batch: str, progress: Callable[[int], None]) -> None:
    drops = list(_drops(batch))
    with structlog.contextvars.bound_contextvars(batch=batch):
        for done in root.pipeline().ingest(drops, progress) if drops else ():
            relative = done.drop.file.relative_to(root.inbox.processing / batch)
            inbox.finish(root.inbox, done.drop.file, relative, done.error, done.finished_at)
            log.info(
                "file", path=done.drop.path, state=done.state, new=done.new, duplicate=done.duplicate,
                rejected=done.rejected, error=done.error,
            )  # fmt: skip


def _drops(batch: str) -> Iterator[Drop]:
    for file, relative in inbox.batch_files(root.inbox, batch):
        source = relative.parts[0] if len(relative.parts) > 1 else None
        name = inbox.printable(relative)
        yield describe(file, name, source, claim=f"{batch}/{name}")


def _slice() -> Callable[[int], None]:
    """Make a progress callback that ends the slice; its clock starts with the first articles, not with the skipping."""
    deadline: float | None = None

    def progress(articles: int) -> None:
        nonlocal deadline
        now = time.monotonic()
        deadline = now + SLICE if deadline is None else deadline
        if articles and (root.pulse.stopping or now > deadline):
            raise SliceEndError

    return progress
