"""WARC (ISO 28500:2017, 1.0 and 1.1): saved web pages, read record by record through FastWARC; WET text as well."""

from typing import Any

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing import encoding
from worker.parsing.format import Format, Records
from worker.parsing.formats import html
from worker.parsing.limits import MAX_RECORD_BYTES
from worker.parsing.source import Source

_PAGES = ("text/html", "application/xhtml+xml")


def _matches(source: Source) -> bool:
    return source.head.startswith(b"WARC/1.")


class _Forward:
    """The source as FastWARC wants it: it asks every stream where it is, and panics at one that cannot say."""

    def __init__(self, source: Source):
        self._source, self._reader = source, source.buffered()
        self._position = 0
        self.tail = b""
        """The last four bytes read."""
        self.failed: OSError | None = None
        """An error of the stream itself, told apart from FastWARC's own complaints, which are OSErrors too."""

    def read(self, size: int = -1) -> bytes:
        try:
            data = self._reader.read(size)
        except OSError as error:
            self.failed = error
            raise
        self._position += len(data)
        self.tail = (self.tail + data[-4:])[-4:]
        return data

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        if (whence, offset) not in ((0, self._position), (1, 0)):
            raise ParseError(f"{self._source.name}: the WARC reader asked to go back")
        return self._position

    def close(self) -> None:
        """The caller of `parse` closes the stream."""


def _read(source: Source) -> Records:
    from fastwarc.warc import ArchiveIterator, WarcRecordType

    wanted = WarcRecordType.response | WarcRecordType.resource | WarcRecordType.conversion
    stream, number = _Forward(source), 0
    try:
        for record in ArchiveIterator(stream, record_types=wanted, parse_http=False):
            number += 1
            if found := _record(record, f"record {number}", record.record_type == WarcRecordType.conversion):
                yield found
    except OSError:
        if stream.failed:
            raise
        raise ParseError(f"{source.name}: broken WARC after record {number}") from None
    # FastWARC ends a cut-off archive without a word; every record ends with two line ends.
    if stream.tail != b"\r\n\r\n":
        raise ParseError(f"{source.name}: the WARC is cut off after record {number}")


def _record(record: Any, position: str, converted: bool) -> Article | Rejected | None:
    """The article of a record; None for what is no page (pictures, scripts), which archives hold most of."""
    if record.content_length > MAX_RECORD_BYTES:
        return Rejected(position, f"larger than {MAX_RECORD_BYTES:,} bytes")
    url = record.headers.get("WARC-Target-URI")
    kind, charset = record.headers.get("Content-Type", ""), None
    if record.is_http:
        record.parse_http(auto_decode="all")
        kind, charset = record.http_content_type or "", record.http_charset
        if (record.http_headers.status_code or 200) >= 300:
            return None
    if not (converted or kind.partition(";")[0].strip().lower() in _PAGES):
        return None
    data = record.reader.read(MAX_RECORD_BYTES + 1)
    if len(data) > MAX_RECORD_BYTES:
        return Rejected(position, f"unpacks to more than {MAX_RECORD_BYTES:,} bytes")
    text, name = encoding.decode(data, charset)
    found = Article(text=text, url=url) if converted else html.article(text, url)
    if found is None:
        return Rejected(position, "no text: no article found on the page")
    return _dated(found, record, name)


def _dated(found: Article, record: Any, name: str) -> Article:
    crawled = record.headers.get("WARC-Date")
    noted = {**encoding.note(name), **({"crawled_at": crawled} if crawled else {})}
    return found._replace(metadata={**found.metadata, **noted})


FORMAT = Format(name="warc", family="web", standard="WARC 1.0, 1.1 (ISO 28500)", matches=_matches, read=_read)
