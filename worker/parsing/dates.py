"""Read a date as publishers write them; hand on aware UTC or nothing. Plausibility is judged later, elsewhere."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

_MAX_LENGTH = 64
_BASIC = re.compile(r"^(\d{8})(?:T?(\d{4}|\d{6}))?$")
_EPOCH = re.compile(r"\d{9,19}(\.\d{1,9})?")
_CLOCK_FRACTION = re.compile(r"([.,]\d{6})\d+")
_SLASHED = re.compile(r"^(\d{1,2})[/.-](\d{1,2})[/.-]\d{2,4}\b")
_HOURS = {
    "HST": -10, "AKST": -9, "AKDT": -8, "PST": -8, "PDT": -7, "MST": -7, "MDT": -6, "CST": -6, "CDT": -5, "ET": -5,
    "EST": -5, "EDT": -4, "BST": 1, "WEST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "SAST": 2, "EEST": 3,
    "MSK": 3, "HKT": 8, "SGT": 8, "JST": 9, "KST": 9, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
"""Zones that dates of news are written in, in hours east of UTC. Other names are taken as UTC."""


def parse_date(value: Any) -> datetime | None:
    """An aware UTC datetime for an ISO 8601, RFC 2822 or free-form date, a datetime, or epoch seconds to nanoseconds.

    A time without a zone is taken as UTC. None for what cannot be read without guessing, such as 03/04/2024, and for
    the years 1 and 9999, which mean "never" and which not every database can show in every zone.
    """
    try:
        found = _read(value)
        found = found.astimezone(UTC) if found and found.tzinfo else found and found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, AttributeError, OSError):
        return None
    return found if found and 1 < found.year < 9999 else None


def _read(value: Any) -> datetime | None:
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _basic(str(value)) or _epoch(float(value))
    text = " ".join(str(value).split())
    if not 4 <= len(text) <= _MAX_LENGTH:
        return None
    readers: tuple[Callable[[str], datetime | None], ...] = (_basic, _digits, _iso, _mail, _free)
    for reader in readers:
        try:
            if found := reader(text):
                return found
        except (ValueError, OverflowError, TypeError, IndexError):
            continue
    return None


def _basic(text: str) -> datetime | None:
    """ISO 8601 basic format without a zone, as NewsML 1.2 and NITF write it: 20240131, 20240131T1015."""
    match = _BASIC.match(text)
    if not match or not "1900" <= text[:4] <= "2100":
        return None
    day, clock = match[1], (match[2] or "").ljust(6, "0")
    return datetime.strptime(day + clock, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def _digits(text: str) -> datetime | None:
    return _epoch(float(text)) if _EPOCH.fullmatch(text) else None


def _epoch(number: float) -> datetime | None:
    """Seconds, milli-, micro- or nanoseconds since 1970, told apart by size; good for 1973 to 5138."""
    for _ in range(4):
        if 1e8 <= number < 1e11:
            return datetime.fromtimestamp(number, UTC)
        number /= 1000
    return None


def _iso(text: str) -> datetime | None:
    # No calendar carries more than microseconds here, some feeds do.
    return datetime.fromisoformat(_CLOCK_FRACTION.sub(r"\1", text))


def _mail(text: str) -> datetime | None:
    """RFC 2822, as RSS and mail write it; zones that RFC does not know are left to `_free`.

    Imported late: `email` takes longer to load than all of this package.
    """
    from email.utils import parsedate_to_datetime

    found = parsedate_to_datetime(text)
    return found if found.tzinfo else None


def _free(text: str) -> datetime | None:
    """python-dateutil, held to texts that name a full date: what depends on today's date is no date."""
    from dateutil import parser

    slashed = _SLASHED.match(text)
    if slashed and slashed[1] != slashed[2] and int(slashed[1]) <= 12 and int(slashed[2]) <= 12:
        return None
    first, second = (
        parser.parse(text, default=default, tzinfos=_zone)
        for default in (datetime(2000, 1, 1), datetime(2004, 2, 2))  # noqa: DTZ001  (naive: dateutil adds the zone)
    )
    return first if first == second else None


def _zone(name: str | None, offset: int | None) -> tzinfo:
    if offset is not None:
        return timezone(timedelta(seconds=offset))
    return timezone(timedelta(hours=_HOURS.get((name or "").upper(), 0)))
