"""The Celery tasks. They carry names and ids, never articles; doing one twice changes nothing."""

import structlog

from worker import app as root
from worker import inbox
from worker.pipeline import describe

log = structlog.get_logger()


@root.app.task(name="newsfold.ingest")  # type: ignore[untyped-decorator]
def ingest(batch: str) -> None:
    """Work off the files of one claimed batch; each moves to its end once the database holds what was in it."""
    drops = []
    for file, relative in inbox.batch_files(root.inbox, batch):
        source = relative.parts[0] if len(relative.parts) > 1 else None
        name = inbox.printable(relative)
        drops.append(describe(file, name, source, claim=f"{batch}/{name}"))
    for done in root.pipeline().ingest(drops):
        relative = done.drop.file.relative_to(root.inbox.processing / batch)
        inbox.finish(root.inbox, done.drop.file, relative, done.error, done.finished_at)
        log.info(
            "file", path=done.drop.path, state=done.state, new=done.new, duplicate=done.duplicate,
            rejected=done.rejected, error=done.error,
        )  # fmt: skip
    inbox.clear(root.inbox, batch)


@root.app.task(name="newsfold.link")  # type: ignore[untyped-decorator]
def link(text_ids: list[int]) -> None:
    """Link texts whose worker died between storing and linking them."""
    root.pipeline().link(text_ids)
