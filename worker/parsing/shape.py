"""What the shape of a JSON record is: a format's way to name its fields, whatever file the record came in."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from worker.core.article import Article, Rejected

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One vocabulary of JSON records. `matches` sees the record as parsed; `read` yields what it holds."""

    name: str
    standard: str
    matches: Callable[[Record], bool]
    read: Callable[[Record], Iterator[Article | Rejected]]
