"""The bytes of one file or container member: looked into before they are read, and read within limits."""

import io
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO, cast

from worker.core.errors import ParseError
from worker.parsing import encoding
from worker.parsing.limits import MAX_RECORD_BYTES, Budget, Meter
from worker.parsing.sanitise import clean_line

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 65_536
"""How much of a file is looked at to tell its format."""


class Source(io.RawIOBase):
    """A readable stream whose first 64 KB can be seen beforehand. `name` serves messages only."""

    def __init__(
        self, raw: BinaryIO | io.RawIOBase, name: str, *, label: str = "", depth: int = 0, budget: Budget | None = None
    ):
        self.name = name
        self.label = label
        """What stands before a position in this source: the member's name if this is a member of a container."""
        self.depth = depth
        """How many containers are around these bytes."""
        self.budget = budget or Budget()
        self.encoding: str | None = None
        """The encoding a format found, for the record; set by it."""
        self.consumed = 0
        """How many bytes have been read of these."""
        self._raw = raw
        self.head = _read_exactly(raw, HEAD_BYTES)

    def member(self, raw: BinaryIO | io.RawIOBase, name: str) -> "Source":
        """A member of this archive, to be read in its own right. Raises LimitError."""
        self.budget.enter(self.depth + 1, self.name)
        inner = f"{self.name}!{clean_line(name)[:200]}"
        return Source(raw, inner, label=inner, depth=self.depth + 1, budget=self.budget)

    def meter(self) -> Meter:
        """Counts what is unpacked from these bytes."""
        return Meter(self.budget, self.name, lambda: self.consumed)

    def unwrapped(self, raw: io.RawIOBase, holds_archive: Callable[["Source"], bool]) -> "Source":
        """The content of this compressed file. Around an archive, compression and archive count as one container."""
        name = self.name.removesuffix(".gz").removesuffix(".zst")
        inner = Source(raw, name, label=self.label, depth=self.depth + 1, budget=self.budget)
        inner.depth -= holds_archive(inner)
        self.budget.enter(inner.depth, self.name)
        return inner

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        """See io.RawIOBase."""
        view = memoryview(buffer).cast("B")
        chunk = self.head[self.consumed : self.consumed + len(view)] or self._raw.read(len(view)) or b""
        view[: len(chunk)] = chunk
        self.consumed += len(chunk)
        return len(chunk)

    def fits(self, size: int) -> bool:
        """Whether the whole content is below `size` bytes; looks that far ahead, before anything has been read."""
        if len(self.head) < size:
            self.head += _read_exactly(self._raw, size - len(self.head))
        return len(self.head) < size

    @cached_property
    def head_text(self) -> str:
        """The head, decoded; not exact at its end, where a character may be cut."""
        return encoding.decode(self.head[:HEAD_BYTES])[0].removesuffix("\ufffd")

    def buffered(self) -> io.BufferedReader:
        """The whole stream as a buffered reader, from its first byte."""
        return io.BufferedReader(self, HEAD_BYTES)

    def read_all(self) -> bytes:
        """The whole content of a one-document file. Raises ParseError past `MAX_RECORD_BYTES`."""
        data = self.read_up_to(MAX_RECORD_BYTES + 1)
        if len(data) > MAX_RECORD_BYTES:
            raise ParseError(f"{self.name}: larger than {MAX_RECORD_BYTES:,} bytes, the most one document may have")
        return data

    def read_text(self) -> str:
        """The whole content, decoded."""
        text, self.encoding = encoding.decode(self.read_all())
        return text

    def read_up_to(self, size: int) -> bytes:
        """The first `size` bytes, or fewer if there are no more."""
        return _read_exactly(self, size)

    def seekable_file(self) -> BinaryIO:
        """The content as a file that can seek: the stream itself if it can, else a copy in memory (to 64 MB)."""
        if self._raw.seekable():
            self._raw.seek(0)
            return cast("BinaryIO", self._raw)
        return io.BytesIO(self.read_all())

    def lines(self) -> Iterator[tuple[int, bytes | None]]:
        """Numbered lines from 1, without their ends; None in place of a line over `MAX_RECORD_BYTES`."""
        reader, number = self.buffered(), 0
        while line := reader.readline(MAX_RECORD_BYTES + 1):
            number += 1
            whole = line
            while len(line) > MAX_RECORD_BYTES and not line.endswith(b"\n"):
                line = reader.readline(MAX_RECORD_BYTES + 1)
            yield number, (whole.rstrip(b"\r\n") if line is whole else None)


def _read_exactly(stream: BinaryIO | io.RawIOBase, size: int) -> bytes:
    parts: list[bytes] = []
    while size > 0 and (part := stream.read(min(size, 1 << 20))):
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
