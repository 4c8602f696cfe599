"""Pick fields out of a JSON record by folded name, keeping track of what has been used."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from worker.core.article import Status
from worker.parsing.dates import parse_date


def words(text: str) -> tuple[str, ...]:
    """The words of a text: a readable way to write long lists of names."""
    return tuple(text.split())


STATUSES: dict[str, Status] = {
    "usable": "usable",
    **dict.fromkeys(words("corrected correction"), "corrected"),
    **dict.fromkeys(words("cancelled canceled killed kill withdrawn retracted"), "cancelled"),
}
"""What publishers call the states of an item, folded."""


class Fields:
    """The fields of a record under folded names; each `take` uses one up, and what is left over is metadata."""

    def __init__(self, record: Mapping[str, Any]):
        self._record = record
        self._names: dict[str, str] = {}
        for name in record:
            self._names.setdefault(fold(name), name)
        self._used: set[str] = set()

    def take(self, aliases: tuple[str, ...], joint: str = ", ") -> str:
        """The first of these fields that holds a text, as text; empty if none does. Lists are joined."""
        for name in filter(None, map(self._names.get, aliases)):
            if name not in self._used and (text := as_text(self._record[name], joint)):
                self._used.add(name)
                return text
        return ""

    def peek(self, aliases: tuple[str, ...]) -> str:
        """The same without using the field up."""
        return next((text for alias in aliases if (text := as_text(self._record.get(self._names.get(alias, ""))))), "")

    def take_starting(self, prefix: str) -> str:
        """The first field whose name starts like this and that holds a text."""
        return self.take(tuple(name for name in self._names if name.startswith(prefix)))

    def use(self, name: str) -> None:
        """Mark a field as used, so that it does not turn up in the rest."""
        self._used.add(name)

    def take_date(self, aliases: tuple[str, ...]) -> Any:
        """The first of these fields that reads as a date, as a datetime. A field that does not stays metadata."""
        for name in filter(None, map(self._names.get, aliases)):
            if name not in self._used and (found := parse_date(_date_value(self._record[name]))):
                self._used.add(name)
                return found
        return None

    def rest(self) -> dict[str, Any]:
        """What has not been taken and says something."""
        return {k: v for k, v in self._record.items() if k not in self._used and v not in (None, "", [], {})}


@lru_cache(4096)
def fold(name: str) -> str:
    """A field name without case and separators: `publishedAt`, `published_at`, `dc:date` become one word each."""
    return "".join(c for c in str(name).casefold() if c.isalnum()).removeprefix("schema")


def as_text(value: Any, joint: str = ", ", depth: int = 0) -> str:
    """A text out of a string, a number, a list of such, or an object with a name, a title, an id or a value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip() and value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and depth < 3:
        return joint.join(text for item in value[:100_000] if (text := as_text(item, joint, depth + 1)))
    if isinstance(value, Mapping) and depth < 3:
        for key in ("name", "title", "text", "value", "#text", "rendered", "$t", "@id", "id", "url"):
            if text := as_text(value.get(key), joint, depth + 1):
                return text
    return ""


def _date_value(value: Any) -> Any:
    """Dates wrapped as MongoDB and others export them: {"$date": ...}, {"date": ...}, [...]."""
    if isinstance(value, str):
        return value
    if isinstance(value, list) and len(value) == 1:
        return _date_value(value[0])
    if isinstance(value, Mapping):
        return _date_value(value.get("$date") or value.get("date") or value.get("$numberLong"))
    return value
