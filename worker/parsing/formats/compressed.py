"""Single compressed files: gzip (RFC 1952) and Zstandard (RFC 8878), of one member or several one after the other.

They are told apart by magic and read alike: never more is inflated at a time than is asked for.
"""

import zlib
from collections.abc import Callable
from typing import Any, Protocol

from worker.core.errors import ParseError
from worker.parsing.format import Format, Records
from worker.parsing.formats import tar
from worker.parsing.limits import Unpacked
from worker.parsing.source import Source

_CHUNK = 1 << 16
_GZIP_ONLY = 16 + zlib.MAX_WBITS
_GZIP, _ZSTD = b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"
_MAX_ZSTD_WINDOW_LOG = 27
"""128 MB, what `zstd` itself accepts; a frame may ask for terabytes."""


class _Decompressor(Protocol):
    """What zlib's and Zstandard's decompressors share, once zlib's left-over input is kept inside."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, size: int) -> bytes: ...


class _Gunzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(_GZIP_ONLY)

    @property
    def eof(self) -> bool:
        return self._stream.eof

    @property
    def unused_data(self) -> bytes:
        return self._stream.unused_data

    def decompress(self, data: bytes, size: int) -> bytes:
        try:
            return self._stream.decompress(self._stream.unconsumed_tail + data, size)
        except zlib.error:
            raise ValueError("the compressed data is damaged") from None


def _unzstd() -> Any:
    try:
        from compression import zstd  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from backports import zstd

    return zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: _MAX_ZSTD_WINDOW_LOG})


class _Inflater:
    """Reads member after member. Zero padding after a member is passed over, as gzip does; other junk ends the data."""

    def __init__(self, source: Source, magic: bytes, new: Callable[[], _Decompressor]):
        self._source, self._magic, self._new = source, magic, new
        self._stream = new()

    def read(self, size: int) -> bytes:
        pending = b""
        while True:
            if self._stream.eof:
                if not (pending := self._next_member()):
                    return b""
                self._stream = self._new()
            elif plain := self._stream.decompress(pending, size):
                return plain
            else:
                pending = b"" if self._stream.eof else self._fill()
                continue
            if plain := self._stream.decompress(pending, size):
                return plain
            pending = b""

    def _fill(self) -> bytes:
        data = self._source.read(_CHUNK)
        if not data:
            raise ParseError(f"{self._source.name}: the compressed data is cut off")
        return data

    def _next_member(self) -> bytes:
        data = self._stream.unused_data
        while not data.lstrip(b"\0") or len(data.lstrip(b"\0")) < len(self._magic):
            more = self._source.read(_CHUNK)
            if not more:
                return b""
            data = data.lstrip(b"\0") + more
        data = data.lstrip(b"\0")
        return data if data.startswith(self._magic) else b""


def _reader(magic: bytes, new: Callable[[], _Decompressor]) -> Callable[[Source], Records]:
    def read(source: Source) -> Records:
        inflater = _Inflater(source, magic, new)
        yield source.unwrapped(Unpacked(inflater.read, source.meter()), holds_archive=tar.matches)

    return read


GZIP = Format(
    name="gzip",
    family="containers",
    standard="gzip (RFC 1952)",
    matches=lambda source: source.head.startswith(_GZIP),
    read=_reader(_GZIP, _Gunzip),
)
ZSTD = Format(
    name="zstd",
    family="containers",
    standard="Zstandard (RFC 8878)",
    matches=lambda source: source.head.startswith(_ZSTD),
    read=_reader(_ZSTD, _unzstd),
)
