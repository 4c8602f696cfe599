"""IPTC 7901, the IPTC Recommended Message Format (7901/5, 1995): teletype messages of European agencies.

SOH, a header line (service, number, priority, category, words), keywords, STX, headline to `=`, body, ETX, time.
Some feeds strip the control characters; the header line then tells the format.
"""

import re
from datetime import UTC, datetime
from typing import Any

from worker.core.article import Article
from worker.parsing import xml
from worker.parsing.format import Format, Records
from worker.parsing.formats import agency_text
from worker.parsing.source import Source

_HEADER = re.compile(
    r"(?P<service>[a-z]{2,4})(?P<number>\d{3,5}) (?P<priority>[1-9]) (?P<category>[a-z]{1,3}) (?P<words>\d{1,5})"
    r"(?P<rest> .*|$)"
)

_MATCHES = re.compile(rb"[\x7f\s]*\x01?[a-z]{2,4}\d{3,5} [1-9] [a-z]{1,3} \d{1,5}[ \r\n]")
_TIME = re.compile(r"(\d\d)(\d\d)(\d\d) +(?:GMT +)?([^\W\d]{3,4})\.? +(\d\d)\s*$")
_VERSION = re.compile(r"^(?:[\d() A-Z]+|\([^)]{1,30}\))$")
_MONTH_NAMES = (
    "jan", "fév fev feb", "mär mrz mar", "avr apr", "mai may", "jun juin", "jul juil", "aoû aou aug", "sep", "okt oct",
    "nov", "déc dez dec",
)  # fmt: skip
_MONTHS = {name: number for number, names in enumerate(_MONTH_NAMES, 1) for name in names.split()}


def _matches(source: Source) -> bool:
    return _MATCHES.match(source.head) is not None


def _read(source: Source) -> Records:
    for message in agency_text.messages(source.read_all()):
        text, source.encoding = agency_text.decode(message)
        yield _article(text)


def _article(message: str) -> Article:
    message, ended, trailer = message.partition("\x03")
    opening, started, content = message.partition("\x02")
    if not started:
        opening, _, content = message.lstrip().partition("\n")
    header, keywords = _header(opening)
    lines = agency_text.lines(content)
    if not started:
        keywords, lines = _keywords_line(lines)
    if not ended:
        lines, trailer = _trailer_line(lines)
    heading, body = _split(lines)
    cut = agency_text.for_editors(body)
    text, time = agency_text.paragraphs(body[:cut]), _time(trailer)
    credit = agency_text.credit(text)
    number = header.get("service", "") + header.get("number", "")
    return Article(
        text=text,
        headline=" ".join(line for line in heading if not _VERSION.match(line) and not agency_text.is_byline(line)),
        external_id=(f"{number}-{time:%Y%m%d}" if time else number) or None,
        source=credit or _desk(header),
        byline=next((line for line in heading if agency_text.is_byline(line)), None),
        published_at=time,
        version=" ".join(line for line in heading if _VERSION.match(line)) or None,
        credit=credit,
        metadata=xml.compact(
            {
                "slugline": keywords.strip("/ "),
                "urgency": header.get("priority"),
                "category": header.get("category"),
                "ednote": "\n".join(line for line in body[cut:] if line.strip()),
            }
        ),
    )


def _header(opening: str) -> tuple[dict[str, Any], str]:
    lines = [line.strip() for line in agency_text.lines(opening) if line.strip()]
    match = _HEADER.match(lines[0]) if lines else None
    return (match.groupdict() if match else {}), " ".join(lines[1:])


def _keywords_line(lines: list[str]) -> tuple[str, list[str]]:
    """Without STX the keywords are the first line, told by the slash at its end."""
    rest = [number for number, line in enumerate(lines) if line.strip()]
    if rest and lines[rest[0]].endswith("/"):
        return lines[rest[0]], lines[rest[0] + 1 :]
    return "", lines


def _trailer_line(lines: list[str]) -> tuple[list[str], str]:
    """Without ETX the time is the last line."""
    last = next((number for number in range(len(lines) - 1, -1, -1) if lines[number].strip()), None)
    if last is not None and _TIME.match(lines[last].strip()):
        return lines[:last], lines[last]
    return lines, ""


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Heading and body: the heading ends with `=`, or at the first blank or indented line if nothing does."""
    for number, line in enumerate(lines[:15]):
        if line.endswith("="):
            return [part.rstrip(" =").strip() for part in lines[: number + 1] if part.rstrip(" =").strip()], lines[
                number + 1 :
            ]
    end = next((number for number, line in enumerate(lines) if number and (not line.strip() or line[0] in " \t")), 1)
    return [line.strip() for line in lines[:end] if line.strip()], lines[end:]


def _desk(header: dict[str, Any]) -> str | None:
    words = re.findall(r"[A-Za-z][\w-]+", header.get("rest", ""))
    return words[-1] if words else None


def _time(trailer: str) -> datetime | None:
    """Day, hour and minute, month and year: `131137 GMT Nov 13`. Without a zone it is taken as UTC."""
    match = next((found for line in agency_text.lines(trailer) if (found := _TIME.match(line.strip()))), None)
    month = _MONTHS.get(match[4].casefold()) or _MONTHS.get(match[4].casefold()[:3]) if match else None
    if not match or not month:
        return None
    try:
        return datetime(2000 + int(match[5]), month, int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
    except ValueError:
        return None


FORMAT = Format(name="iptc-7901", family="agency text", standard="IPTC 7901/5", matches=_matches, read=_read)
