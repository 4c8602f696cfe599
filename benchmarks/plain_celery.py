"""A Celery app with one task that does nothing, and a sender of it: what a queue costs before any work is done.

    BENCHMARK_BROKER=redis://… python -m benchmarks.plain_celery 5000

The worker is `celery -A benchmarks.plain_celery worker`.
"""

import os
import sys

from celery import Celery

app = Celery("plain", broker=os.environ.get("BENCHMARK_BROKER", "memory://"))
app.conf.update(
    task_ignore_result=True,
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    worker_send_task_events=False,
    broker_connection_retry_on_startup=True,
)


@app.task  # type: ignore[untyped-decorator]
def nothing(path: str) -> None:
    """Take a path, as a task that reads a file would, and leave the file alone."""


def main() -> None:
    """Send so many."""
    for number in range(int(sys.argv[1])):
        nothing.delay(f"incoming/{number:06d}.json")


if __name__ == "__main__":
    main()
