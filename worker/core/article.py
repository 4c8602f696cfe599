"""What a parser hands on: an article, or a record that is none."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

Status = Literal["usable", "corrected", "cancelled"]


class Article(NamedTuple):
    """One appearance of a text: what its publisher said about it, as it was delivered.

    Times are aware and in UTC. `text` holds the whole body as plain text, paragraphs separated by newlines;
    it and `headline` are free of NUL, surrogates and control characters (`worker.parsing` sees to it).
    `metadata` keeps, as JSON values, every field the format has and this class has not.
    """

    text: str
    headline: str = ""
    external_id: str | None = None
    source: str | None = None
    url: str | None = None
    byline: str | None = None
    published_at: datetime | None = None
    updated_at: datetime | None = None
    """When this version was made, where the format tells it apart from the first publication."""
    language: str | None = None
    """BCP 47, as given."""
    version: str | None = None
    status: Status = "usable"
    embargoed_until: datetime | None = None
    credit: str | None = None
    """The agency or outlet the text is credited to, if the format has a field for it."""
    dateline: str | None = None
    metadata: Mapping[str, Any] = MappingProxyType({})


class Rejected(NamedTuple):
    """A record that holds no article: where it stands in its file, and why it was not taken."""

    position: str
    reason: str


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST = datetime(1600, 1, 1, tzinfo=UTC)
"""Before the first newspapers: a clock that was never set, or a parser's slip."""
SLACK = timedelta(hours=26)
"""How far ahead of its receipt a publication may be: the widest time zone taken for UTC by mistake, and clock skew."""


def plausible(published_at: datetime | None, received_at: datetime) -> datetime | None:
    """Return `published_at` if it can be true of a text received at `received_at`, else None."""
    if published_at is None or published_at == EPOCH or not EARLIEST <= published_at <= received_at + SLACK:
        return None
    return published_at


def came_out(published_at: datetime | None, received_at: datetime, embargoed_until: datetime | None) -> datetime | None:
    """When an article came out, if that is plausible: an embargoed one when its embargo ends, so that it leads no
    story before."""
    time = plausible(published_at, received_at)
    return time if time is None or embargoed_until is None else max(time, embargoed_until)
