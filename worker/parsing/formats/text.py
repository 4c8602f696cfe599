"""Plain text: the first line is the headline, the rest the body. No standard; any encoding that can be told."""

from worker.core.article import Article
from worker.parsing import unknown
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

_MAX_HEADLINE = 250
"""A longer first line is a paragraph of the body."""

_MAX_CONTROLS = 0.02
"""Share of control characters and U+FFFD above which a file is no text."""


def looks_like_text(text: str) -> bool:
    """Whether decoded bytes read as text at all and not as something binary."""
    if not text or "\0" in text:
        return False
    bad = sum(1 for c in text if c == "\ufffd" or (c < " " and c not in "\t\n\r\f\x0b"))
    return bad <= len(text) * _MAX_CONTROLS


def _matches(source: Source) -> bool:
    if unknown.is_binary(source.head) or unknown.is_xml(source.head):
        return False
    return looks_like_text(source.head_text)


def _read(source: Source) -> Records:
    text = source.read_text()
    first, _, rest = text.lstrip().replace("\r\n", "\n").replace("\r", "\n").partition("\n")
    if not rest.strip() or len(first) > _MAX_HEADLINE:
        first, rest = "", text
    yield Article(text=rest, headline=first)


FORMAT = Format(name="text", family="data", standard="plain text", matches=_matches, read=_read)
