"""Processes that share what they load: a server loads it (`worker.loaded`), and they are forked from that.

Each of them would take a second and 100 MB for it. The server has one thread and does nothing else, so that nothing is
forked in the middle of anything.
"""

import os
import threading
from collections.abc import Iterable
from contextlib import suppress
from multiprocessing import forkserver, get_context, parent_process
from pathlib import Path
from typing import Final

FORKS: Final = get_context("forkserver")
FORKS.set_forkserver_preload(["worker.loaded"])


FEW: Final = 1 << 20
"""Bytes of files up to which one process does: starting others takes a second or two."""


def start_early(paths: Iterable[Path] | None = None) -> None:
    """Start the server, which then loads beside whoever wants it; not if there are only a few bytes in these files."""
    if paths is None or _bytes_of(paths) > FEW:
        forkserver.ensure_running()


def _bytes_of(paths: Iterable[Path]) -> int:
    total = 0
    for path in paths:
        for file in path.rglob("*") if path.is_dir() else (path,):
            with suppress(OSError):
                total += file.stat().st_size
            if total > FEW:
                return total
    return total


def end_with_parent() -> None:
    """In a child: end when the process that wanted it does, however that ends."""
    threading.Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
