"""What Prometheus is told, read from database, inbox and broker when it asks: the truth, and no bookkeeping of our own.

Counts come from the ledger, so they survive restarts and are the same whichever watcher answers.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from statistics import quantiles

from prometheus_client import start_http_server
from prometheus_client.core import CollectorRegistry, CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, case, func, select

from models import queries
from models.engine import reading
from models.tables import UNLINKED, Delivery, Text
from worker import app as root
from worker import inbox as boxes
from worker.inbox import Inbox

FRESH = 20.0
"""Seconds for which an answer is given again: counting reads whole tables."""
RECENT = timedelta(minutes=5)
SAMPLE = 5_000

REASONS = {
    "killed_worker": "gave up after %",
    "unexpected": "unexpected %",
    "unreadable": "cannot be read%",
    "no_article": "no article%",
}
"""Beginnings of a failed file's error, by class; every other is `not_parsed`."""


def serve(port: int) -> None:
    """Answer `/metrics` on `port`, on every interface, in a thread of its own. Raises OSError if it is taken."""
    registry = CollectorRegistry()
    registry.register(Newsfold(root.engine(), root.inbox, root.queue_length))
    start_http_server(port, registry=registry)


class Newsfold(Collector):
    """The collector: `newsfold_*`, read on demand."""

    def __init__(self, engine: Engine, inbox: Inbox, queue_length: Callable[[], int]) -> None:
        self._engine = engine
        self._inbox = inbox
        self._queue_length = queue_length
        self._read_at = -FRESH
        self._last: list[Metric] = []

    def describe(self) -> list[Metric]:
        """Nothing: asking at registration would connect."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric; those of a server that is away are missing, and `newsfold_up` says which it is."""
        if time.monotonic() - self._read_at >= FRESH:
            self._last = list(self._read())
            self._read_at = time.monotonic()
        yield from self._last

    def _read(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("newsfold_up", "Whether a part of the installation answers", labels=["part"])
        parts = {"database": self._database, "broker": self._broker, "inbox": self._processing}
        for name, read in parts.items():
            try:
                found = list(read())
            except Exception:
                up.add_metric([name], 0)
            else:
                up.add_metric([name], 1)
                yield from found
        yield up

    def _database(self) -> Iterator[Metric]:
        with reading(self._engine) as connection:
            yield from _ledger(connection)
            yield from _lag(connection)
            yield _counted(
                connection, "newsfold_texts", "Different texts by relation to their story's canonical text", "relation",
                Text.relation,
            )  # fmt: skip
            unlinked = connection.scalar(select(func.count()).where(UNLINKED)) or 0
            yield GaugeMetricFamily("newsfold_texts_unlinked", "Texts stored and not linked yet", unlinked)
            yield GaugeMetricFamily(
                "newsfold_texts_unsearched", "Texts that cannot be searched yet", queries.unsearched(connection)
            )

    def _broker(self) -> Iterator[Metric]:
        yield GaugeMetricFamily("newsfold_queue_tasks", "Tasks waiting at the broker", self._queue_length())

    def _processing(self) -> Iterator[Metric]:
        batches = boxes.claimed_batches(self._inbox)
        yield GaugeMetricFamily("newsfold_batches", "Batches claimed and not finished", len(batches))
        age = max(0.0, time.time() - boxes.claimed_at(batches[0])) if batches else 0.0
        yield GaugeMetricFamily("newsfold_oldest_batch_seconds", "Age of the oldest unfinished batch", age)


def _ledger(connection: Connection) -> Iterator[Metric]:
    yield _counted(connection, "newsfold_files", "Files in the ledger by state", "state", Delivery.state)
    totals = connection.execute(
        select(func.sum(Delivery.new), func.sum(Delivery.duplicate), func.sum(Delivery.rejected))
    ).one()
    articles = CounterMetricFamily("newsfold_articles", "Articles taken in by outcome", labels=["outcome"])
    for outcome, count in zip(("new", "duplicate", "rejected"), totals, strict=True):
        articles.add_metric([outcome], int(count or 0))
    yield articles
    reason = case(*((Delivery.error.like(start), name) for name, start in REASONS.items()), else_="not_parsed")
    failures = CounterMetricFamily("newsfold_failures", "Files that failed by class of reason", labels=["reason"])
    rows = connection.execute(select(reason, func.count()).where(Delivery.state == "failed").group_by(reason)).all()
    for name, count in ({**dict.fromkeys((*REASONS, "not_parsed"), 0)} | {row[0]: row[1] for row in rows}).items():
        failures.add_metric([name], count)
    yield failures


def _counted(connection: Connection, name: str, says: str, label: str, column: object) -> Metric:
    metric = GaugeMetricFamily(name, says, labels=[label])
    for value, count in connection.execute(select(column, func.count()).group_by(column)):  # type: ignore[call-overload]
        metric.add_metric([value or "none"], count)
    return metric


def _lag(connection: Connection) -> Iterator[Metric]:
    """From claim to the last link, of the files finished lately."""
    recent = select(Delivery.claim, Delivery.finished_at).order_by(Delivery.id.desc()).limit(SAMPLE).subquery()
    after = datetime.now(UTC) - RECENT
    rows = connection.execute(select(recent.c.claim, recent.c.finished_at).where(recent.c.finished_at > after))
    claimed = [(row.finished_at.timestamp(), boxes.claimed_at(row.claim)) for row in rows]
    lags = sorted(finished - start for finished, start in claimed if start)
    lag = GaugeMetricFamily(
        "newsfold_lag_seconds", "From drop to linked, of files finished in the last five minutes", labels=["quantile"]
    )
    if lags:
        cuts = quantiles(lags, n=100, method="inclusive") if len(lags) > 1 else lags * 99
        for label, value in (("0.5", cuts[49]), ("0.95", cuts[94]), ("1", lags[-1])):
            lag.add_metric([label], value)
    yield lag
