"""Saved web pages: HTML 4 to the WHATWG living standard, XHTML 1; metadata from schema.org JSON-LD and meta tags.

Two extractors read each page. trafilatura, told to favour precision, is right nearly always; resiliparse (C++, on the
lexbor parser) takes 1 ms, misses little and cannot be stopped by deep nesting. Where trafilatura brings less than half
of what resiliparse sees, it has lost the article: it is asked again without the precision rules, and if that is still
less than half, resiliparse's text is taken.
"""

import re
from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing import markup, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.page_metadata import PageMetadata, page_metadata
from worker.parsing.shapes.fields import words
from worker.parsing.source import Source

_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>|<!--.{0,2000}?-->|\s)*(?:<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]|<meta\s|<title>)",
    re.IGNORECASE | re.DOTALL,
)
# Attributes past this are data of scripts and pictures; a megabyte of them holds any tree parser for half a minute.
_LONG_TAG = re.compile(r"<([a-zA-Z][a-zA-Z0-9]*)\s[^<>]{20000,}>")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^<>]*>")
_NO_DEPTH = frozenset(
    words(
        "area base br col embed hr img input link meta source track wbr p li dt dd td th tr thead tbody tfoot option "
        "colgroup html head body script style svg path g"
    )
)
MAX_DEPTH = 200
"""Nesting up to which libxml2, under trafilatura, is trusted: beyond 254 levels it drops the text without an error."""

MAX_TAGS = 50_000
"""Tags up to which trafilatura is asked: it takes 30 µs for each, and no article has more than a few thousand."""

MAX_SEARCH_DEPTH = 1_000
"""Nesting up to which resiliparse looks for the article on a page: its time grows with the square of it."""

_LOST = 0.5


def _matches(source: Source) -> bool:
    text = source.head_text.lstrip("\ufeff \t\r\n")
    if text.startswith("<?xml"):
        root = xml.root(source)
        return root is not None and root.name.lower() == "html"
    return _START.match(text) is not None or (text.startswith("<") and markup.looks_like_html(text))


def _read(source: Source) -> Records:
    found = article(source.read_text())
    yield found or Rejected("", "no text: no article found on the page")


def article(page: str, url: str | None = None) -> Article | None:
    """The article on a web page, or None if there is none to be found. `url` is where the page came from, if known."""
    page = _LONG_TAG.sub(r"<\1>", page)
    known = page_metadata(page)
    text, guess = _main_text(page, known)
    headline = known.headline or (guess.title if guess else "") or ""
    text = markup.without_headline(text, headline)
    if not text:
        return None
    return Article(
        text=text,
        headline=headline,
        url=known.url or url or (guess.url if guess else None),
        source=known.source or (guess and (guess.sitename or guess.hostname)),
        byline=known.byline or (guess and guess.author),
        published_at=known.published_at or parse_date(guess and guess.date),
        updated_at=known.updated_at,
        language=known.language or None,
        metadata={"keywords": known.keywords} if known.keywords else {},
    )


def _main_text(page: str, known: PageMetadata) -> tuple[str, Any]:
    """The text of the article, and trafilatura's document (None if it found nothing)."""
    from resiliparse.extract.html2text import extract_plain_text

    depth, tags = _size(page)
    search = depth <= MAX_SEARCH_DEPTH
    whole = extract_plain_text(
        page, main_content=search, alt_texts=False, list_bullets=False, comments=False, post_meta=False
    )
    enough = _LOST * len(whole.split())
    document = _trafilatura(page, precise=True) if depth <= MAX_DEPTH and tags <= MAX_TAGS else None
    text = (document and document.text) or ""
    if document and len(text.split()) < enough:
        again = _trafilatura(page, precise=False)
        text = max(text, (again and again.text) or "", key=len)
    if len(text.split()) < enough:
        text = "\n".join(line for line in whole.split("\n") if line.strip())
    body = markup.plain(known.body)
    return (body if len(text.split()) < _LOST * len(body.split()) else text), document


def _trafilatura(page: str, *, precise: bool) -> Any:
    from trafilatura import bare_extraction

    return bare_extraction(page, include_comments=False, with_metadata=precise, favor_precision=precise)


def _size(page: str) -> tuple[int, int]:
    """How deep elements may be nested (what is never closed counts as nested), and how many tags there are."""
    depth = deepest = tags = 0
    for tag in _TAG.finditer(page):
        tags += 1
        if tag[2].lower() not in _NO_DEPTH and not tag[0].endswith("/>"):
            depth += -1 if tag[1] else 1
            deepest = max(deepest, depth)
    return deepest, tags


FORMAT = Format(
    name="html", family="web", standard="HTML (WHATWG), XHTML 1, schema.org NewsArticle", matches=_matches, read=_read
)
