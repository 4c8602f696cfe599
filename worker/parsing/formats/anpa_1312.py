"""ANPA 1312 (ANPA Wire Service Transmission Guidelines 84-2, 1984), with the marks of AP and the variant of Kyodo.

SYN SYN SOH, two header lines (service and number; priority, category, slug, date, words), STX, a heading, the body
in indented paragraphs, ETX and the time of filing. AP marks its heading lines with `^`, ends them with `<`, and ends
centred lines with `=`.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from worker.core.article import Article
from worker.parsing import xml
from worker.parsing.format import Format, Records
from worker.parsing.formats import agency_text
from worker.parsing.source import Source

_MATCHES = re.compile(rb"\s*(?:\x16+\x01|\x01(?=[A-Za-z]\d{4}[A-Z]*\x1f))")
_NUMBER = re.compile(r"[\x16\x01\s]*([A-Za-z])(\d{4})")
_LEVEL = re.compile(r"^\s*([a-z])\s+([a-z])[\x11-\x14]", re.MULTILINE)
_AP_TIME = re.compile(r"([A-Z]{2,4})-\w{2}-(\d\d)-(\d\d)-(\d\d) (\d\d)(\d\d)GMT")
_KYODO_TIME = re.compile(r"KWS-(\d\d):(\d\d)-(\d\d)-(\d\d)-(\d\d)")
_NOTE = re.compile(r"\(?(?:Eds?[:.]|EDITORS?:|EDITOR['’]S NOTE|With AP )", re.IGNORECASE)
_PICTURES = re.compile(r"AP (?:Photo|Graphic|Video|Audio)")
_SERIAL = re.compile(r"\*?\d{3,5}$")
# Typesetting codes of the standard: fractions, dashes and quotes stand in ASCII's place.
_MARKS = str.maketrans({"\x08": "", "\x10": " "})


def _matches(source: Source) -> bool:
    return _MATCHES.match(source.head) is not None


def _read(source: Source) -> Records:
    for message in agency_text.messages(source.read_all()):
        text, source.encoding = agency_text.decode(message)
        yield _article(text)


def _article(message: str) -> Article:
    message, _, trailer = message.partition("\x03")
    header, _, content = message.partition("\x02")
    heading, body = _split(agency_text.lines(content.translate(_MARKS)))
    head = _heading(heading)
    agency, time = _filed(trailer or message[-200:])
    text = agency_text.paragraphs(head.pop("centred") + body)
    credit = agency_text.credit(text) or agency
    number, level = _NUMBER.match(header), _LEVEL.search(header)
    identifier = number[1] + number[2] if number else ""
    return Article(
        text=text,
        headline=head.pop("headline") or head["slugline"],
        external_id=(f"{identifier}-{time:%Y%m%d}" if time and identifier else identifier) or None,
        source=agency or credit,
        byline=head.pop("byline") or None,
        published_at=time,
        version=head.pop("version") or None,
        credit=credit,
        metadata=xml.compact({**head, **({"priority": level[1], "category": level[2]} if level else {})}),
    )


def _split(lines: list[str]) -> tuple[list[str], list[str]]:
    """Heading and body: the body begins with the first line that carries no mark, or, without marks, is indented."""
    marked = any(line.startswith("^") for line in lines)
    for number, line in enumerate(lines):
        ends = not line.startswith("^") if marked else line[:1] in (" ", "\t", "")
        if ends and number:
            return lines[:number], [line.removeprefix("^").rstrip("<= ") for line in lines[number:]]
    return lines, []


def _heading(lines: list[str]) -> dict[str, Any]:
    """What the heading says: slug and version, headline, byline, notes; centred lines that belong to the body."""
    parts = [part for line in lines for part in line.replace("< ^", "<\n^").split("\n") if part.strip("^ ")]
    parts = [part for part in parts if not _SERIAL.match(part.strip("^< "))]
    slug = [word.strip() for word in parts[0].strip("^<+ ").split(",")] if parts else [""]
    found: dict[str, Any] = {"slugline": slug[0], "version": ", ".join(w for w in slug[1:] if w and not w.isdigit())}
    found |= {"headline": "", "byline": "", "ednote": "", "pictures": "", "summary": "", "centred": []}
    for part in parts[1:]:
        line = part.strip("^<=+ ")
        _place(found, line, centred=part.endswith("="), ended=part.endswith("<"))
    return found


def _place(found: dict[str, Any], line: str, *, centred: bool, ended: bool) -> None:
    if _PICTURES.match(line):
        found["pictures"] = line
    elif _NOTE.match(line):
        found["ednote"] = f"{found['ednote']} {line}".strip()
    elif agency_text.is_byline(line):
        found["byline"] = line
    elif not found["headline"]:
        found["headline"] = line
    elif centred and found["byline"] and not found["centred"] and "," not in found["byline"]:
        found["byline"] += f", {line}"
    elif ended:
        found["summary"] = f"{found['summary']} {line}".strip()
    else:
        found["centred"] += [line, ""]


def _filed(trailer: str) -> tuple[str | None, datetime | None]:
    """Agency and time in the last line: `AP-WF-11-13-13 0745GMT` (month first), `KWS-21:37-09-12-18` (Tokyo)."""
    try:
        if match := _AP_TIME.search(trailer):
            month, day, year, hour, minute = (int(part) for part in match.groups()[1:])
            return match[1], datetime(2000 + year, month, day, hour, minute, tzinfo=UTC)
        if match := _KYODO_TIME.search(trailer):
            hour, minute, day, month, year = (int(part) for part in match.groups())
            return "Kyodo", datetime(
                2000 + year, month, day, hour, minute, tzinfo=timezone(timedelta(hours=9))
            ).astimezone(UTC)
    except ValueError:
        pass
    return None, None


FORMAT = Format(name="anpa-1312", family="agency text", standard="ANPA 1312 (84-2)", matches=_matches, read=_read)
