"""JSON (RFC 8259): one record, an array of records, or an object around one list of records.

An array is read element by element, so that its length does not matter; any other document is held whole.
"""

from worker.parsing import jsonio
from worker.parsing.format import Format, Records
from worker.parsing.json_array import elements
from worker.parsing.shapes import articles
from worker.parsing.source import HEAD_BYTES, Source


def _matches(source: Source) -> bool:
    return source.head_text.lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def _read(source: Source) -> Records:
    if source.fits(HEAD_BYTES) or not source.head.lstrip().startswith(b"["):
        yield from articles(jsonio.loads(source.read_text()), "")
        return
    for number, element in enumerate(elements(source), 1):
        yield from articles(jsonio.loads(element), f"record {number}")


FORMAT = Format(name="json", family="data", standard="JSON (RFC 8259)", matches=_matches, read=_read)
