"""Read what newsrooms drop: `parse` yields the articles of a file, in whatever format and container it came.

Content decides, never the suffix. Nothing here opens a path or a network connection: bytes come from the stream given.
"""

from collections.abc import Iterator
from typing import BinaryIO

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing.encoding import note
from worker.parsing.format import Format
from worker.parsing.limits import LimitError
from worker.parsing.registry import FORMATS, find
from worker.parsing.sanitise import MAX_TEXT, clean_article, clean_line, clean_metadata
from worker.parsing.shapes import SHAPES
from worker.parsing.source import Source
from worker.parsing.unknown import describe

__all__ = ["FORMATS", "SHAPES", "Format", "parse", "parse_with_format", "sniff"]


def parse(stream: BinaryIO, name: str) -> Iterator[Article | Rejected]:
    """Yield what a file holds, as it is read: articles, and records that are none, each with its reason.

    `name` serves messages only. Raises ParseError for a file that cannot be read (any further); what was yielded
    before stays valid. An OSError of the stream itself passes through.
    """
    for _, item in parse_with_format(stream, name):
        yield item


def parse_with_format(stream: BinaryIO, name: str) -> Iterator[tuple[str, Article | Rejected]]:
    """The same, each with the path of formats it was found in, such as `zip/nitf` or `jsonl/ninjs`."""
    return _read(Source(stream, clean_line(name)), ())


def sniff(stream: BinaryIO, name: str = "") -> Format | None:
    """The format of a file by its first 64 KB, or None if it is none that newsfold reads."""
    return find(Source(stream, name))


def _read(source: Source, path: tuple[str, ...]) -> Iterator[tuple[str, Article | Rejected]]:
    if not source.head:
        raise ParseError(f"{source.name}: empty file")
    format_ = find(source)
    if format_ is None:
        raise ParseError(f"{source.name}: {describe(source.head)}")
    path = (*path, format_.name)
    try:
        for number, item in enumerate(format_.read(source), 1):
            if isinstance(item, Source):
                yield from _member(item, path)
            else:
                yield _finished(item, source, number, path)
    except (ParseError, OSError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        if not format_.extra:
            raise
        raise ParseError(f"{source.name}: {format_.name} needs pip install 'newsfold[{format_.extra}]'") from error
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        # What a library raises on broken input is its own affair; a panic of a Rust one is not even an Exception.
        raise ParseError(f"{source.name}: broken {format_.name}: {_explain(error)}") from error


def _member(source: Source, path: tuple[str, ...]) -> Iterator[tuple[str, Article | Rejected]]:
    """The records of a member. One that cannot be read costs the others nothing; a limit passed ends the file."""
    if not source.label:
        yield from _read(source, path)
        return
    try:
        yield from _read(source, path)
    except LimitError:
        raise
    except ParseError as error:
        yield "/".join(path), Rejected(source.label, str(error).removeprefix(f"{source.name}: "))


def _finished(
    item: Article | Rejected, source: Source, number: int, path: tuple[str, ...]
) -> tuple[str, Article | Rejected]:
    if isinstance(item, Article):
        metadata = clean_metadata(item.metadata)
        shape = metadata.get("format")
        path = (*path, shape) if shape else path
        item = clean_article(item, {"format": path[-1], **note(source.encoding), **metadata})
        if len(item.text) > MAX_TEXT:
            item = Rejected("", f"longer than {MAX_TEXT:,} characters, the most an article may have")
        elif item.text:
            return "/".join(path), item
        else:
            item = Rejected("", "no text")
    where = item.position or f"record {number}"
    if not where.startswith(source.name + "!"):
        where = f"{source.label} {where}".strip()
    return "/".join(path), Rejected(where, clean_line(item.reason))


def _explain(error: BaseException) -> str:
    """The kind of error and, for kinds whose messages never quote the content, the message."""
    if isinstance(error, RecursionError):
        return "nested too deep"
    if type(error) is ValueError or isinstance(error, EOFError):
        return clean_line(str(error))[:200]
    return f"unexpected {type(error).__name__}"
