"""JSON Lines (jsonlines.org), also known as NDJSON: one JSON record a line, read line by line."""

from worker.core.article import Rejected
from worker.parsing import encoding, jsonio
from worker.parsing.format import Format, Records
from worker.parsing.limits import MAX_RECORD_BYTES
from worker.parsing.shapes import articles
from worker.parsing.source import HEAD_BYTES, Source

_LOOK_AT = 20


def _matches(source: Source) -> bool:
    """A record that stands whole on one of the first lines, with more lines around it, or one line without end."""
    text = source.head_text.lstrip("\ufeff \t\r\n")
    if not text.startswith("{"):
        return False
    lines = text.splitlines()
    if len(lines) == 1:
        return not source.fits(HEAD_BYTES)
    return any(_is_object(line.strip()) for line in lines[:_LOOK_AT]) and any(
        line.startswith("{") for line in lines[1:]
    )


def _is_object(line: str) -> bool:
    if not (line.startswith("{") and line.endswith("}")):
        return False
    try:
        return isinstance(jsonio.loads(line), dict)
    except ValueError:
        return False


def _read(source: Source) -> Records:
    for number, line in source.lines():
        position = f"line {number}"
        if line is None:
            yield Rejected(position, f"longer than {MAX_RECORD_BYTES:,} bytes")
        elif line.strip(b"\xef\xbb\xbf \t"):
            yield from _line(line, position)


def _line(line: bytes, position: str) -> Records:
    try:
        try:
            value = jsonio.loads(line.removeprefix(b"\xef\xbb\xbf"))
        except ValueError:
            text, name = encoding.decode(line)
            if name == "utf-8":
                raise
            value = jsonio.loads(text)
    except ValueError as error:
        yield Rejected(position, str(error))
        return
    yield from articles(value, position)


FORMAT = Format(name="jsonl", family="data", standard="JSON Lines, NDJSON", matches=_matches, read=_read)
