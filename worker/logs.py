"""Logs: lines for people on a terminal, JSON everywhere else; on standard error, and never an article's text."""

import logging
import sys
from typing import Any

import orjson
import structlog


def configure_logs(level: int = logging.INFO) -> None:
    """Send structlog's and the standard library's records through one formatter. Idempotent."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    last: structlog.typing.Processor
    if sys.stderr.isatty():
        # Not the default, rich's: it prints local variables, and those are articles and database URLs.
        last = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    else:
        shared.append(structlog.processors.format_exc_info)
        last = structlog.processors.JSONRenderer(serializer=_json)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("trafilatura", "htmldate"):  # they quote the page
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    chatter = ("gossip", "mingle")  # of workers greeting each other
    celery = ("celery.worker.strategy", "celery.app.trace", *(f"celery.worker.consumer.{name}" for name in chatter))
    for noisy in ("numba", "kombu", "alembic", *celery):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )


def _json(event: Any, **options: Any) -> str:
    return orjson.dumps(event, **options).decode()
