"""CSV and TSV (RFC 4180 and what spreadsheets make of it), one record a row, named by a header row."""

import csv
import io
from collections.abc import Iterator

from worker.core.article import Rejected
from worker.parsing import encoding
from worker.parsing.format import Format, Records
from worker.parsing.limits import MAX_RECORD_BYTES
from worker.parsing.shapes import articles, plain
from worker.parsing.shapes.fields import fold
from worker.parsing.source import Source

_DELIMITERS = ",;\t|"
_TEXTS = frozenset(plain.TEXT + plain.HTML + plain.SUMMARY)
_KNOWN = _TEXTS | frozenset(
    plain.HEADLINE + plain.BYLINE + plain.SOURCE + plain.URL + plain.ID + plain.PUBLISHED + plain.LANGUAGE
)


def _matches(source: Source) -> bool:
    return _delimiter(source) is not None


def _delimiter(source: Source) -> str | None:
    """The delimiter under which the first line names a text and another field that newsfold knows."""
    first = source.head_text.lstrip("\ufeff").partition("\n")[0].rstrip("\r")
    for delimiter in _DELIMITERS:
        try:
            names = [fold(name) for name in next(csv.reader([first], delimiter=delimiter), [])]
        except csv.Error:
            continue
        if len(names) > 1 and not _TEXTS.isdisjoint(names) and len(_KNOWN.intersection(names)) > 1:
            return delimiter
    return None


def _read(source: Source) -> Records:
    # The limit is the process's, and its default of 128 KB is less than a long article.
    csv.field_size_limit(MAX_RECORD_BYTES)
    source.encoding = encoding.detect(source.head)
    text = io.TextIOWrapper(source.buffered(), encoding=source.encoding, errors="replace", newline="")
    rows = csv.reader(text, delimiter=_delimiter(source) or ",")
    names = [name.strip().lstrip("\ufeff") for name in next(rows, [])]
    for number, row in enumerate(_rows(rows), 2):
        position = f"row {number}"
        if isinstance(row, str):
            yield Rejected(position, row)
        elif len(row) > len(names):
            yield Rejected(position, f"{len(row)} fields where the header names {len(names)}")
        elif any(row):
            yield from articles(dict(zip(names, row, strict=False)), position)


def _rows(rows: Iterator[list[str]]) -> Iterator[list[str] | str]:
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            yield f"broken row: {error}"
            continue
        yield row


FORMAT = Format(name="csv", family="data", standard="CSV (RFC 4180), TSV", matches=_matches, read=_read)
