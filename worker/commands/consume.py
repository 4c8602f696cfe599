"""The Celery worker under `newsfold worker`: `supervise` starts `python -m worker.commands.consume [PROCESSES]`."""

import logging
import os
import sys
import warnings

import structlog
from celery.exceptions import CPendingDeprecationWarning
from celery.platforms import set_pdeathsig
from sqlalchemy.exc import DBAPIError

from worker import app as root
from worker import tasks  # noqa: F401 - registers the tasks
from worker.core.errors import NewsfoldError
from worker.logs import configure_logs
from worker.pipeline import load

log = structlog.get_logger()


def work(concurrency: int) -> int:
    """Work until SIGTERM (the chunk in hand is finished, the rest left to others); return the exit code."""
    worker = root.app.Worker(
        pool="prefork", concurrency=concurrency, hostname=root.node_name(), quiet=True, loglevel="INFO",
        optimization="fair",
    )  # fmt: skip
    log.info("working", processes=concurrency)
    worker.start()
    return int(worker.exitcode or 0)


def _load() -> None:
    """Load before the fork: the processes share it, and none has to do it at its first task.

    That is work, as the supervisor sees it: a new installation compiles the kernels here, for a minute.
    """
    root.pulse.work(0)
    load()
    root.pulse.rest(0)


def main() -> int:
    """Check the index version before anything is taken from the queue, then work."""
    set_pdeathsig("SIGKILL")  # a worker without its supervisor would be nobody's
    configure_logs()
    logging.captureWarnings(True)
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)  # of a choice that `app` makes
    try:
        root.pipeline()
    except NewsfoldError as error:
        sys.stderr.write(f"newsfold: {error}\n")
        return 2
    except DBAPIError as error:
        log.warning("the database is away", answer=str(error.orig).splitlines()[0])
        return 1
    root.engine().dispose()  # no connection crosses the fork
    root.pipeline.cache_clear()
    root.engine.cache_clear()
    _load()
    return work(int(sys.argv[1]) if len(sys.argv) > 1 else os.cpu_count() or 1)


if __name__ == "__main__":
    sys.exit(main())
