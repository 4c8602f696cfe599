"""Cut a JSON array into its elements as it is read, so that an array of any length passes through little memory."""

import re
from collections.abc import Iterator

from worker.core.errors import ParseError
from worker.parsing.limits import MAX_RECORD_BYTES
from worker.parsing.source import Source

_CHUNK = 1 << 18
# A whole string, a string that goes on past the buffer, or a bracket: all that matters for depth.
_MARK = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|"|[\[{]|[\]}]|,', re.DOTALL)


def elements(source: Source) -> Iterator[bytes]:
    """The bytes of each element of the UTF-8 array at the start of `source`, brackets and commas left out.

    Raises ParseError if an element is over `MAX_RECORD_BYTES` or the array is cut off.
    """
    reader = source.buffered()
    buffer = bytearray(reader.read(_CHUNK))
    at = buffer.index(b"[") + 1
    start, depth = at, 0
    while True:
        for mark in _MARK.finditer(buffer, at):
            token = mark[0]
            if token == b'"':
                break
            at = mark.end()
            if token in (b"[", b"{"):
                depth += 1
            elif token in (b"]", b"}"):
                depth -= 1
            if (depth == 0 and token == b",") or depth < 0:
                if element := bytes(buffer[start : mark.start()]).strip():
                    yield element
                start = at
            if depth < 0:
                return
        del buffer[:start]
        at, start = at - start, 0
        if len(buffer) > MAX_RECORD_BYTES:
            raise ParseError(f"{source.name}: an element is larger than {MAX_RECORD_BYTES:,} bytes")
        chunk = reader.read(_CHUNK)
        if not chunk:
            raise ParseError(f"{source.name}: the JSON array is cut off")
        buffer += chunk
