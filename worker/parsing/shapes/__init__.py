"""The shapes of JSON records newsfold knows, the most particular first. A new one: one module, one line here."""

from collections.abc import Iterator
from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing.shape import Record, Shape
from worker.parsing.shapes import belga360, jsonfeed, ninjs, plain
from worker.parsing.shapes.fields import words

SHAPES: tuple[Shape, ...] = (jsonfeed.SHAPE, ninjs.SHAPE, belga360.SHAPE, plain.SHAPE)

LISTS = words("articles items item data results records docs documents entries news stories hits newsObjects")
"""Fields under which a file keeps its list of records."""

_MAX_LEVELS = 3


def articles(value: Any, position: str) -> Iterator[Article | Rejected]:
    """The articles of one JSON value: a record, a list of records, or an object around one list of records."""
    return _articles(value, position, 0)


def _articles(value: Any, position: str, level: int) -> Iterator[Article | Rejected]:
    shape = _shape(value)
    if shape:
        yield from _read(shape, value, position)
    elif isinstance(value, list) and level < _MAX_LEVELS:
        for number, item in enumerate(value, 1):
            yield from _articles(item, f"{position} record {number}".strip(), level + 1)
    elif not isinstance(value, dict):
        yield Rejected(position, f"a JSON {type(value).__name__}, not an object")
    elif (inner := _wrapped(value)) is not None and level < _MAX_LEVELS:
        yield from _articles(inner, position, level + 1)
    else:
        yield Rejected(position, "no text: none of the object's fields is known as a text")


def _wrapped(value: dict[str, Any]) -> Any:
    """The list inside an object that is no record itself: `{"articles": [...]}`, or one level further in."""
    for key in LISTS:
        inner = value.get(key)
        if isinstance(inner, list) and inner and isinstance(inner[0], dict):
            return inner
        if isinstance(inner, dict):
            return inner
    lists = [item for item in value.values() if isinstance(item, list) and item and _shape(item[0])]
    return lists[0] if len(lists) == 1 else None


def _shape(value: Any) -> Shape | None:
    """The shape of a record, or None if this is none."""
    return next((shape for shape in SHAPES if shape.matches(value)), None) if isinstance(value, dict) else None


def _read(shape: Shape, record: Record, position: str) -> Iterator[Article | Rejected]:
    for item in shape.read(record):
        if isinstance(item, Article):
            yield item._replace(metadata={"format": shape.name, **item.metadata})
        else:
            yield Rejected(f"{position} {item.position}".strip(), item.reason)
