"""JSON Feed 1.0 and 1.1 (jsonfeed.org): a feed is one object, its items the articles."""

from collections.abc import Iterator

from worker.core.article import Article, Rejected
from worker.parsing.shape import Record, Shape
from worker.parsing.shapes import plain
from worker.parsing.shapes.fields import as_text


def _matches(record: Record) -> bool:
    return "jsonfeed.org/version" in str(record.get("version", "")) and isinstance(record.get("items"), list)


def _read(record: Record) -> Iterator[Article | Rejected]:
    source, language = (as_text(record.get(name)) or None for name in ("title", "language"))
    for number, item in enumerate(record["items"], 1):
        if not isinstance(item, dict):
            yield Rejected(f"record {number}", "a feed item that is no object")
            continue
        for found in plain.read(item):
            if isinstance(found, Article):
                yield found._replace(source=found.source or source, language=found.language or language)
            else:
                yield Rejected(f"record {number}", found.reason)


SHAPE = Shape(name="jsonfeed", standard="JSON Feed 1.0, 1.1", matches=_matches, read=_read)
