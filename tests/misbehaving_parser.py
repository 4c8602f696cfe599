"""A parser process whose parser does what the file says: stands in for `worker.sandbox_child` in tests."""

import ctypes
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from worker import sandbox_child
from worker.core.article import Article
from worker.core.errors import ParseError


def parse(stream: BinaryIO, name: str) -> Iterator[tuple[str, Any]]:
    """One article a word, but for words that are orders."""
    for word in stream.read().decode().split():
        order, _, argument = word.partition(":")
        if order in ORDERS:
            ORDERS[order](argument)
        else:
            yield "test", Article(text=word, headline=name)


def spin(_: str) -> None:
    while True:
        pass


def eat(_: str) -> None:
    hoard = []
    while True:
        hoard.append(bytearray(1 << 22))


def fail(_: str) -> None:
    raise ParseError("it is broken here")


def disk(number: str) -> None:
    raise OSError(int(number), "whatever")


def reveal(_: str) -> None:
    names = [name for name in os.environ if "NEWSFOLD" in name]
    raise ParseError(f"{names} {len(list(Path('/proc/self/fd').iterdir()))} descriptors")


ORDERS = {
    "spin": spin,
    "eat": eat,
    "fail": fail,
    "disk": disk,
    "reveal": reveal,
    "crash": lambda _: ctypes.string_at(0),
    "abort": lambda _: os.abort(),
    "sleep": lambda seconds: time.sleep(float(seconds)),
    "babble": lambda _: os.write(sandbox_child.SOCKET, b"[1, 2]\n"),
    "connect": lambda _: socket.create_connection(("127.0.0.1", 9), timeout=1),
    "read": lambda path: Path(path).read_bytes(),
    "write": lambda path: Path(path).write_bytes(b"was here"),
    "start": lambda _: subprocess.run(["true"], check=True),
}

if __name__ == "__main__":
    sandbox_child.parse_with_format = parse
    sandbox_child.run(*sys.argv[1:])
