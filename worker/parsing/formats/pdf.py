"""PDF press releases (ISO 32000), read by PDFium. Scans without a text layer hold no text; no OCR is done."""

import re
from typing import Any

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

MAX_PAGES = 500
"""A press release has a few; this keeps a hostile file from running on."""

_DATE = re.compile(r"D:(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?)?")
_HYPHEN = re.compile(r"[\ufffe\u0002\xad]\r?\n?")
_MAX_HEADLINE = 250


def _matches(source: Source) -> bool:
    return b"%PDF-" in source.head[:1024]


def _read(source: Source) -> Records:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(source.read_all())
    except pypdfium2.PdfiumError as error:
        reason = "encrypted; drop it without a password" if "assword" in str(error) else "a broken PDF"
        raise ParseError(f"{source.name}: {reason}") from None
    try:
        if len(document) > MAX_PAGES:
            raise ParseError(f"{source.name}: more than {MAX_PAGES} pages")
        text = "\n".join(_page(document, number) for number in range(len(document)))
        known = document.get_metadata_dict(skip_empty=True)
    finally:
        document.close()
    yield _article(text, known) if text.strip() else Rejected("", "no text: the PDF has no text layer (a scan?)")


def _page(document: Any, number: int) -> str:
    page = document[number]
    textpage = page.get_textpage()
    try:
        return _HYPHEN.sub("", textpage.get_text_range()).replace("\r\n", "\n")
    finally:
        textpage.close()
        page.close()


def _article(text: str, known: dict[str, str]) -> Article:
    first, _, rest = text.strip().partition("\n")
    titled = bool(rest.strip()) and len(first) <= _MAX_HEADLINE
    return Article(
        text=rest if titled else text,
        headline=first if titled else known.get("Title", ""),
        byline=known.get("Author") or None,
        published_at=_date(known.get("CreationDate", "")),
        updated_at=_date(known.get("ModDate", "")),
        metadata={name.lower(): known[name] for name in ("Title", "Subject", "Keywords") if known.get(name)},
    )


def _date(text: str) -> Any:
    """PDF dates (ISO 32000-1, 7.9.4): D:20240131101500+01'00'."""
    match = _DATE.match(text)
    if not match:
        return None
    year, month, day, hour, minute, second = (
        part or default for part, default in zip(match.groups(), ("", "01", "01", "00", "00", "00"), strict=False)
    )
    zone = f"{match[7]}{match[8]}:{match[9] or '00'}" if match[7] else "+00:00"
    return parse_date(f"{year}-{month}-{day}T{hour}:{minute}:{second}{zone}")


FORMAT = Format(
    name="pdf", family="documents", standard="PDF (ISO 32000)", matches=_matches, read=_read, extra="documents"
)
