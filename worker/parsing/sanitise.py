"""Clean text once, at the edge: what no database, terminal or Unicode algorithm can be trusted with goes out here.

Everything else stays as its publisher delivered it; folding for comparison is `worker.core.normalise`'s business.
"""

import hashlib
import math
import re
from collections.abc import Mapping
from typing import Any

import orjson

from worker.core.article import Article

MAX_COMBINING = 8
"""Longest run of combining marks kept. Real orthographies stay below 5; a run of a million holds NFC for a minute."""

MAX_NESTING = 16
"""Depth of metadata kept; what lies deeper is dropped."""

MAX_TEXT = 2_000_000
"""Characters an article may have. What is longer is a book, or an attack, and is rejected."""

MAX_HEADLINE = 2_000
MAX_ID, MAX_SOURCE, MAX_URL, MAX_FIELD = 400, 250, 4_000, 1_000
"""Characters of the one-line fields. PostgreSQL takes 2,704 bytes in an index entry, which holds source and id."""

MAX_METADATA_BYTES = 1_000_000
"""Of one article, as JSON. Past it the largest fields are left out; `left_out` in the metadata names them."""

_LETTER = re.compile(r"[^\W_]")
_LINE_ENDS = re.compile(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]")
_FORBIDDEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
# The blocks that hold nothing but combining marks; other marks (Indic vowel signs) do not reorder under NFC.
_COMBINING = (
    "\u0300-\u036f\u0483-\u0489\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u1ab0-\u1aff\u1dc0-\u1dff"
    "\u20d0-\u20f0\ufe20-\ufe2f"
)
_COMBINING_RUN = re.compile(f"([{_COMBINING}]{{{MAX_COMBINING}}})[{_COMBINING}]+")
_COMBINING_MARK = re.compile(f"[{_COMBINING}]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
"""What `_LINE_ENDS` or `_FORBIDDEN` would change."""


def clean_text(text: str) -> str:
    """Text with `\\n` line ends and without NUL, surrogates, control characters and endless combining runs."""
    if not _has_control(text) and not _has_endless_run(text):
        return text
    return _COMBINING_RUN.sub(r"\1", _FORBIDDEN.sub("", _LINE_ENDS.sub("\n", text)))


def _has_control(text: str) -> bool:
    """Printable rules them out in half the time; what else it says no to (tabs, no-break spaces) is looked at again."""
    return not text.replace("\n", " ").isprintable() and _CONTROL.search(text) is not None


def _has_endless_run(text: str) -> bool:
    """A run that is too long has a mark in any place of so many: one in nine is looked at before all are."""
    if text.isascii() or not _COMBINING_MARK.search(text[:: MAX_COMBINING + 1]):
        return False
    return _COMBINING_RUN.search(text) is not None


def clean_line(text: str) -> str:
    """The same for a field of one line: runs of white space become one space."""
    clean = text.isascii() and text.isprintable()
    return " ".join((text if clean else clean_text(text)).split())


def clean_value(value: Any, depth: int = 0) -> Any:
    """A JSON value with every string in it cleaned; numbers JSON has no name for and excess depth become None."""
    if isinstance(value, str):
        return clean_text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 2**63 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= MAX_NESTING:
        return None
    if isinstance(value, Mapping):
        return {clean_line(str(key)): clean_value(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [clean_value(item, depth + 1) for item in value]
    return clean_text(str(value))


def clean_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Metadata with all its values cleaned, held to its limit."""
    return _held(clean_value(metadata))


def clean_article(article: Article, metadata: Mapping[str, Any]) -> Article:
    """The article with all its strings cleaned and held to their limits; empty ones in optional fields become None.

    `metadata`, which is clean, takes the place of its own.
    """
    return article._replace(
        text=_trim(clean_text(article.text)),
        headline=_clipped(article.headline, MAX_HEADLINE),
        metadata=metadata,
        external_id=_clipped(article.external_id, MAX_ID) or None,
        source=_clipped(article.source, MAX_SOURCE) or None,
        url=_clipped(article.url, MAX_URL) or None,
        byline=_clipped(article.byline, MAX_FIELD) or None,
        language=_clipped(article.language, MAX_FIELD) or None,
        version=_clipped(article.version, MAX_FIELD) or None,
        credit=_clipped(article.credit, MAX_FIELD) or None,
        dateline=_clipped(article.dateline, MAX_FIELD) or None,
    )


def _clipped(text: str | None, limit: int) -> str:
    """One clean line of at most `limit` characters. A cut one ends in a hash of the whole: two ids stay two."""
    if not text:
        return ""
    line = clean_line(text)
    if len(line) <= limit:
        return line
    return f"{line[: limit - 18].rstrip()}… {hashlib.blake2b(line.encode(), digest_size=8).hexdigest()}"


def _held(metadata: dict[str, Any]) -> dict[str, Any]:
    size = len(orjson.dumps(metadata))
    if size <= MAX_METADATA_BYTES:
        return metadata
    sizes = {name: len(orjson.dumps(value)) + len(name) for name, value in metadata.items()}
    left_out: set[str] = set()
    for name in sorted(sizes, key=lambda name: sizes[name], reverse=True):
        if size <= MAX_METADATA_BYTES - 10_000:
            break
        size -= sizes[name]
        left_out.add(name)
    kept = {name: value for name, value in metadata.items() if name not in left_out}
    return {**kept, "left_out": [clean_line(name)[:100] for name in sorted(left_out)[:50]]}


def _trim(text: str) -> str:
    """Without blank lines at either end; the first line keeps its indent. Nothing if no letter or digit is in it."""
    return text.strip("\n").rstrip() if _LETTER.search(text) else ""
