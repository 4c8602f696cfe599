"""DOCX press releases: Office Open XML word processing (ISO/IEC 29500, ECMA-376), transitional and strict.

The body is one XML file in a zip; tables are read row by row, notes and headers left out.
"""

from typing import Any
from zipfile import BadZipFile, ZipFile

from worker.core.article import Article
from worker.core.errors import ParseError
from worker.parsing import xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.formats.zip import open_archive
from worker.parsing.limits import Meter, Unpacked
from worker.parsing.source import Source

_BODY, _PROPERTIES = "word/document.xml", "docProps/core.xml"
_OTHERS = {"xl/workbook.xml": "an Excel workbook; save it as CSV", "ppt/presentation.xml": "a PowerPoint presentation"}
_TITLES = ("title", "heading1", "titel", "titre")
_MAX_HEADLINE = 250


def _matches(source: Source) -> bool:
    return source.head.startswith(b"PK\x03\x04") and b"[Content_Types].xml" in source.head[:4096] + source.head[-4096:]


def _read(source: Source) -> Records:
    archive, meter = open_archive(source)
    with archive:
        names = set(archive.namelist())
        if _BODY not in names:
            reason = next((what for name, what in _OTHERS.items() if name in names), "an Office file without a text")
            raise ParseError(f"{source.name}: {reason}")
        document = _part(archive, _BODY, source, meter)
        properties = _part(archive, _PROPERTIES, source, meter) if _PROPERTIES in names else None
    yield _article(document, properties)


def _part(archive: ZipFile, name: str, source: Source, meter: Meter) -> Any:
    try:
        with archive.open(name) as member:
            return xml.parse(Source(Unpacked(member.read, meter), f"{source.name}!{name}", budget=source.budget))
    except (BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ParseError(f"{source.name}: broken or encrypted document: {type(error).__name__}") from None


def _article(document: Any, properties: Any) -> Article:
    paragraphs = [(_style(found), _text(found)) for found in document.iter("p")]
    paragraphs = [(style, text) for style, text in paragraphs if text.strip()]
    titled = next((number for number, (style, _) in enumerate(paragraphs[:10]) if style in _TITLES), None)
    first = 0 if titled is None else titled
    headline = (
        paragraphs[first][1]
        if paragraphs and len(paragraphs) > 1 and len(paragraphs[first][1]) <= _MAX_HEADLINE
        else ""
    )
    body = [text for number, (_, text) in enumerate(paragraphs) if not headline or number != first]
    known = properties if properties is not None else document.makeelement("none", {})
    return Article(
        text="\n".join(body),
        headline=headline,
        byline=xml.first(known, "creator") or None,
        published_at=parse_date(xml.first(known, "created")),
        updated_at=parse_date(xml.first(known, "modified")),
        language=xml.first(known, "language") or None,
        metadata=xml.compact({"title": xml.first(known, "title"), "keywords": xml.first(known, "keywords")}),
    )


def _style(paragraph: Any) -> str:
    style = paragraph.find("pPr/pStyle")
    if style is None:
        return ""
    return next((value.lower().replace(" ", "") for name, value in style.attrib.items() if name.endswith("val")), "")


def _text(paragraph: Any) -> str:
    """The text of a paragraph: runs, tabs and breaks; text deleted under change tracking is `delText` and stays out."""
    marks = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
    return "".join(found.text or "" if found.tag == "t" else marks[found.tag] for found in paragraph.iter("t", *marks))


FORMAT = Format(
    name="docx",
    family="documents",
    standard="Office Open XML (ISO/IEC 29500) word processing",
    matches=_matches,
    read=_read,
)
