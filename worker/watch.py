"""The watcher: claims complete files, sends them off, and sends again whatever was not finished.

The scan is the mechanism: it needs no event to be right, twice a second it costs next to nothing, and it works on
network shares, where file events do not. A task sent is only a hint; the sweep makes up for every one that is lost.
"""

import threading
import time
from datetime import UTC, datetime, timedelta

import structlog
from kombu.exceptions import OperationalError as BrokerError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import OperationalError

from models.engine import reading
from models.tables import Article, Delivery, Text
from worker import inbox as boxes
from worker import tasks
from worker.inbox import Inbox

log = structlog.get_logger()

SCAN = 0.5
SWEEP = 15.0
QUIET = 60.0
"""Seconds without progress after which a batch is sent again; the wait doubles with each time."""
LONGEST = 900.0
LINK_BATCH = 200


class Watcher:
    """Scans and sweeps until told to stop. One for an inbox is enough; two do no harm."""

    def __init__(self, inbox: Inbox, engine: Engine, settle: float, *, alone: bool) -> None:
        """`alone`: nobody else works on this inbox, so whatever is claimed at the start was left by the dead."""
        self._inbox = inbox
        self._engine = engine
        self._settle = settle
        self._sent: dict[str, tuple[float, float]] = {}
        self._first = alone
        self._next_sweep = 0.0

    def run(self, stop: threading.Event) -> None:
        """Scan until `stop` is set; a broker or database that is away is waited for."""
        self._inbox.create()
        while not stop.is_set():
            try:
                self.scan()
                if time.monotonic() >= self._next_sweep:
                    self.sweep()
                    self._next_sweep = time.monotonic() + SWEEP
            except (BrokerError, OperationalError, OSError) as error:
                log.warning("cannot go on, trying again", reason=type(error).__name__)
                stop.wait(1.0)
            stop.wait(SCAN)

    def scan(self) -> None:
        """Claim what is complete and send it."""
        for files in boxes.batches(boxes.complete(self._inbox, self._settle)):
            batch = boxes.claim(self._inbox, files)
            if batch is not None:
                self._send(batch, QUIET)

    def sweep(self) -> None:
        """Send again the batches that stand still, and the texts that were stored and never linked."""
        now = time.monotonic()
        batches = boxes.claimed_batches(self._inbox)
        self._sent = {batch: self._sent[batch] for batch in batches if batch in self._sent}
        for batch in batches:
            due, wait = self._sent.get(batch, (0.0, QUIET / 2))
            if now >= due and (self._first or not self._moves(batch)):
                boxes.clear(self._inbox, batch)
                self._send(batch, min(2 * wait, LONGEST))
        self._first = False
        self._relink()

    def _send(self, batch: str, wait: float) -> None:
        self._sent[batch] = (time.monotonic() + wait, wait)
        tasks.ingest.delay(batch)

    def _moves(self, batch: str) -> bool:
        latest = select(func.max(Delivery.touched_at)).where(
            Delivery.claim.startswith(f"{batch}/", autoescape=True), Delivery.state == "received"
        )
        with reading(self._engine) as connection:
            touched = connection.scalar(latest)
        return touched is not None and datetime.now(UTC) - touched < timedelta(seconds=QUIET / 2)

    def _relink(self) -> None:
        before = datetime.now(UTC) - timedelta(seconds=QUIET)
        left = (
            select(Text.id)
            .join(Article, Article.text_id == Text.id)
            .where(Text.linked.is_(False))
            .group_by(Text.id)
            .having(func.max(Article.received_at) < before)
            .order_by(Text.id)
            .limit(LINK_BATCH)
        )
        with reading(self._engine) as connection:
            ids = list(connection.scalars(left))
        if ids:
            log.warning("texts stored and never linked", texts=len(ids))
            tasks.link.delay(ids)
