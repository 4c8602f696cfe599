"""gzip (RFC 1952), one member or several one after the other, as .json.gz and .warc.gz come."""

import zlib
from typing import BinaryIO

from worker.core.errors import ParseError
from worker.parsing.format import Format, Records
from worker.parsing.formats import tar
from worker.parsing.limits import Inflated
from worker.parsing.source import Source

_CHUNK = 1 << 16
_GZIP_ONLY = 16 + zlib.MAX_WBITS


def _matches(source: Source) -> bool:
    return source.head.startswith(b"\x1f\x8b\x08")


def _read(source: Source) -> Records:
    yield source.unwrapped(Inflated(_Gunzip(source), source.budget, source.name), holds_archive=tar.matches)


class _Gunzip:
    """Inflates never more than it is asked for. Zero padding after a member is passed over, other junk too."""

    def __init__(self, source: Source):
        self._source = source
        self._input = b""
        self._stream = zlib.decompressobj(_GZIP_ONLY)
        self.consumed = 0

    def read(self, size: int) -> bytes:
        while True:
            if self._stream.eof and not self._next_member():
                return b""
            if not self._input and not self._fill():
                raise ParseError(f"{self._source.name}: the gzip data is cut off")
            plain = self._stream.decompress(self._input, size)
            self._input = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail
            if plain:
                return plain

    def _fill(self) -> bool:
        self._input = self._source.read(_CHUNK) or b""
        self.consumed += len(self._input)
        return bool(self._input)

    def _next_member(self) -> bool:
        while (self._input or self._fill()) and not (rest := self._input.lstrip(b"\0")):
            self._input = b""
        if not self._input or not rest.startswith(b"\x1f"):
            return False
        self._input = rest
        self._stream = zlib.decompressobj(_GZIP_ONLY)
        return True


FORMAT = Format(name="gzip", family="containers", standard="gzip (RFC 1952)", matches=_matches, read=_read)
