"""The composition root: settings, engine, pipeline and the Celery app. Importing it connects to nothing."""

from functools import cache

from celery import Celery
from celery.signals import setup_logging
from sqlalchemy import Engine

from models.engine import open_engine
from worker.inbox import Inbox
from worker.logs import configure_logs
from worker.pipeline import Pipeline
from worker.settings import Settings

HARD_LIMIT = 600
"""Seconds a task may take. A file that needs longer goes on, where it was, in the next one."""

settings = Settings.from_environment()
inbox = Inbox(settings.inbox)

app = Celery("newsfold", broker=settings.broker_url, include=["worker.tasks"])
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_default_queue="newsfold",
    # A task is a hint: losing one costs a sweep, doing one twice changes nothing.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=HARD_LIMIT,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options=(
        {"polling_interval": 0.05}
        if settings.embedded
        else {
            "visibility_timeout": 4 * HARD_LIMIT,
            "socket_timeout": 30,
            "socket_connect_timeout": 10,
            "socket_keepalive": True,
            "health_check_interval": 15,
        }
    ),
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
    enable_utc=True,
)


@setup_logging.connect  # type: ignore[untyped-decorator]
def _logs(**_: object) -> None:
    configure_logs()


@cache
def engine() -> Engine:
    """This process's engine; made on first use, so that no connection crosses a fork."""
    return open_engine(settings.database_url)


@cache
def pipeline() -> Pipeline:
    """This process's pipeline."""
    return Pipeline.open(engine())
