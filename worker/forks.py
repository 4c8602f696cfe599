"""Processes that share what they load: a server loads it (`worker.loaded`), and they are forked from that.

Each of them would take a second and 100 MB for it. The server has one thread and does nothing else, so that nothing is
forked in the middle of anything.
"""

import os
import threading
from multiprocessing import forkserver, get_context, parent_process
from typing import Final

FORKS: Final = get_context("forkserver")
FORKS.set_forkserver_preload(["worker.loaded"])


def start_early() -> None:
    """Start the server, which then loads beside whoever wants it."""
    forkserver.ensure_running()


def end_with_parent() -> None:
    """In a child: end when the process that wanted it does, however that ends."""
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
