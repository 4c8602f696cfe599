"""What a format is: how it is told by its content, and what reading it yields."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from worker.core.article import Article, Rejected
from worker.parsing.source import Source

Family = Literal["agency XML", "agency JSON", "agency text", "feeds", "web", "data", "mail", "documents", "containers"]

Records = Iterator[Article | Rejected | Source]
"""What reading a file yields. A container yields the Source of each member, which is then read in its own right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format newsfold reads.

    `matches` looks at `source.head` alone. `read` yields records as it meets them; it leaves cleaning, numbering
    and the rejection of articles without text to `worker.parsing.parse`, and may raise anything, which `parse`
    turns into a ParseError.
    """

    name: str
    family: Family
    standard: str
    """The standard and edition, for people."""
    matches: Callable[[Source], bool]
    read: Callable[[Source], Records]
    extra: str | None = None
    """The optional dependency group that reads it (`pip install newsfold[extra]`)."""
