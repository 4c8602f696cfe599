"""The watcher: claims complete files, sends them off, and sends again whatever was lost on the way.

The scan is the mechanism: it needs no event to be right, some times a second it costs next to nothing, and it works on
network shares, where file events do not. A task sent is only a hint; the sweep makes up for every one that is lost.
"""

import threading
from datetime import UTC, datetime, timedelta
from time import monotonic

import structlog
from sqlalchemy import Engine

from models.engine import reading
from worker import app as root
from worker import inbox as boxes
from worker import leftovers, searching, tasks
from worker.inbox import Inbox

log = structlog.get_logger()

SCAN, SOONEST = 0.5, 0.1
"""Seconds between two scans: as many as a file is to stand still for, within these."""
SWEEP = 5.0
GRACE = 5.0
"""Seconds from sending a batch to asking where it is; doubles with each time it was lost."""
LONGEST = 30.0
PATIENCE = 900.0
"""The same while other tasks wait: then it most likely waits with them. Doubles without end."""
RELINK = 60.0
LINK_BATCH = 200
SEARCHABLE = 300.0
"""Seconds after which the search is told of new texts even though other work waits."""


class Watcher:
    """Scans and sweeps until told to stop. One for an inbox is enough; two do no harm."""

    def __init__(self, inbox: Inbox, engine: Engine, settle: float) -> None:
        self._inbox = inbox
        self._engine = engine
        self._settle = settle
        self._sent: dict[str, tuple[float, int]] = {}
        """When each claimed batch was sent last, and how often: known to this process only, and only to save work."""
        self._next_sweep = self._next_relink = 0.0
        self._searchable = monotonic()
        """When the search knew every text, or was last to be told."""

    def run(self, stop: threading.Event) -> None:
        """Scan until `stop` is set, whatever happens; a broker or database that is away is waited for."""
        while not stop.is_set():
            try:
                self._inbox.create()
                self.scan()
                if monotonic() >= self._next_sweep:
                    self.sweep()
                    self._next_sweep = monotonic() + SWEEP
            except Exception as error:
                log.warning("watcher cannot go on, tries again", reason=f"{type(error).__name__}: {error}"[:300])
                stop.wait(1.0)
            stop.wait(min(SCAN, max(self._settle, SOONEST)))

    def scan(self) -> None:
        """Claim what is complete and send it."""
        for files in boxes.batches(list(boxes.complete(self._inbox, self._settle))):
            batch = boxes.claim(self._inbox, files)
            if batch is not None:
                self._send(batch)

    def sweep(self) -> None:
        """Send again the batches that nobody holds and no queue can hold, and the texts that were never linked."""
        batches = boxes.claimed_batches(self._inbox)
        self._sent = {batch: self._sent[batch] for batch in batches if batch in self._sent}
        self._relink()  # asks the database: while it is away, sending is no use
        idle = root.queue_length() == 0
        self._search(idle=not batches)
        for batch in batches:
            if not self._due(batch, idle) or boxes.held(self._inbox, batch):
                continue
            if not boxes.clear(self._inbox, batch):
                self._send(batch)

    def _due(self, batch: str, idle: bool) -> bool:
        """Tell whether a batch should have been heard of, given whether the queue is empty.

        A queue of thousands must not grow by as many with every sweep; one that is empty holds nothing back.
        """
        if batch not in self._sent:
            self._sent[batch] = (0.0 if idle else monotonic(), 0)
        sent, times = self._sent[batch]
        wait = min(GRACE * 2.0 ** (times - 1), LONGEST) if idle else PATIENCE * 2.0 ** (times - 1)
        return monotonic() >= sent + wait

    def _send(self, batch: str) -> None:
        _, times = self._sent.get(batch, (0.0, 0))
        if times:
            log.warning("batch sent again", batch=batch, times=times)
        tasks.ingest.delay(batch)
        self._sent[batch] = (monotonic(), times + 1)

    def _search(self, *, idle: bool) -> None:
        """Have the search told of new texts: while there is nothing else to do, or when that has been too long ago."""
        now = monotonic()
        if not searching.waiting(self._engine):
            self._searchable = now
        elif idle or now >= self._searchable + SEARCHABLE:
            tasks.search.delay()
            self._searchable = now

    def _relink(self) -> None:
        """Send the texts whose delivery has stood still since they were stored: an `ingest` that died left them."""
        before = datetime.now(UTC) - timedelta(seconds=RELINK)
        with reading(self._engine) as connection:
            ids = leftovers.forgotten(connection, before, LINK_BATCH)
        if ids and monotonic() >= self._next_relink:
            log.warning("texts stored and never linked", texts=len(ids))
            tasks.link.delay(ids)
            self._next_relink = monotonic() + RELINK
