"""The composition root: settings, engine, pipeline and the Celery app. Importing it connects to nothing."""

import socket
from collections.abc import Sequence
from functools import cache
from os import getpid
from typing import Any, Protocol

from billiard.process import current_process
from celery import Celery, Task
from celery.signals import setup_logging, task_postrun, task_prerun, worker_process_init, worker_shutting_down
from kombu.exceptions import ChannelError
from sqlalchemy import Engine

from models.engine import open_engine
from worker.inbox import Inbox
from worker.logs import configure_logs
from worker.pipeline import Pipeline
from worker.pulse import Pulse
from worker.settings import QUEUE, Settings

HARD_LIMIT = 600
"""Seconds after which a task is killed: a file that hangs its worker counts as one that kills it."""

settings = Settings.from_environment()
inbox = Inbox(settings.inbox)
pulse = Pulse.inherited()


class Local(Protocol):
    """Where tasks go that need no broker."""

    def put(self, name: str, arguments: Sequence[object]) -> None:
        """Send a task."""

    def length(self) -> int:
        """How many tasks wait."""


local: Local | None = None
"""Set by `newsfold run`, in all its processes."""


class SendableTask(Task):  # type: ignore[misc]
    """A task that goes to the broker, or to this machine's own processes."""

    def apply_async(self, args: Sequence[object] = (), *more: Any, **options: Any) -> Any:
        """See celery.Task."""
        if local is None:
            return super().apply_async(args, *more, **options)
        local.put(self.name, args)
        return None


app = Celery("newsfold", broker=settings.broker_url, include=["worker.tasks"], task_cls=SendableTask)
app.conf.update(
    task_serializer="json",
    accept_content=["json"],
    task_ignore_result=True,
    task_default_queue=QUEUE,
    # A task is a hint: losing one costs a sweep, doing one twice changes nothing.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_time_limit=HARD_LIMIT,
    # Who sends waits and tries again by itself (`watch`), and need not hang in the client's own retries.
    task_publish_retry=False,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    # What is in hand goes on while the broker is away; that it cannot be acknowledged harms nobody.
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_transport_options=(
        {}
        if settings.embedded
        else {
            "visibility_timeout": 4 * HARD_LIMIT,
            "socket_timeout": 10,
            "socket_connect_timeout": 5,
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


@task_prerun.connect  # type: ignore[untyped-decorator]
def _at_work(**_: object) -> None:
    pulse.work(_slot())


@task_postrun.connect  # type: ignore[untyped-decorator]
@worker_process_init.connect  # type: ignore[untyped-decorator]
def _at_rest(**_: object) -> None:
    pulse.rest(_slot())


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _stopping(**_: object) -> None:
    pulse.stop()


def _slot() -> int:
    return getattr(current_process(), "index", 0)


def node_name() -> str:
    """A Celery node name that no other worker has: two of one name confuse each other."""
    return f"newsfold-{getpid()}@{socket.gethostname()}"


def queue_length() -> int:
    """How many tasks wait. Raises kombu's OperationalError when the broker is away."""
    if local is not None:
        return local.length()
    with app.connection_for_write() as connection, connection.channel() as channel:
        try:
            return int(channel.queue_declare(QUEUE, passive=True).message_count)
        except ChannelError:  # an empty queue does not exist, for Redis
            return 0


@cache
def engine() -> Engine:
    """This process's engine; made on first use, so that no connection crosses a fork."""
    return open_engine(settings.database_url)


@cache
def pipeline() -> Pipeline:
    """This process's pipeline."""
    return Pipeline.open(engine(), settings.window)
