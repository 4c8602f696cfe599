"""What a web page says about its article: schema.org JSON-LD first, then meta tags, then the `html` and `link` tags.

Found by pattern, not in a tree, so that it works on pages no parser can hold. Times keep their hour, which the day
that trafilatura finds (through htmldate) has not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from html import unescape
from itertools import islice
from typing import Any

from worker.parsing import jsonio
from worker.parsing.dates import parse_date

_JSON_LD = re.compile(r"<script\b[^<>]{0,300}application/ld\+json[^<>]{0,300}>", re.IGNORECASE)
_SCRIPT_END = re.compile(r"</script", re.IGNORECASE)
_META = re.compile(r"<meta\s([^<>]{1,4000})>", re.IGNORECASE)
_LINK = re.compile(r"<link\s([^<>]{1,2000})>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"([\w:.-]+)\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))")
_LANGUAGE = re.compile(
    r"<html\b[^<>]{0,1000}?\s(?:xml:)?lang\s*=\s*[\"']?([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8}){0,3})\b", re.I
)
_TITLE = re.compile(r"<title\b[^<>]{0,200}>([^<]{1,1000})", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:Article|BlogPosting|Report|LiveBlogPosting)$")
_MAX_BLOCKS = 50

_PUBLISHED = ("article:published_time", "og:published_time", "datepublished", "parsely-pub-date", "dc.date.issued",
              "dcterms.created", "dc.date", "pubdate", "publishdate", "sailthru.date", "date")  # fmt: skip
_UPDATED = ("article:modified_time", "og:updated_time", "datemodified", "last-modified", "dcterms.modified")
_BYLINE = ("author", "parsely-author", "dc.creator", "sailthru.author", "byl")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageMetadata:
    """What was found; empty strings and None for what was not."""

    headline: str
    body: str
    """schema.org articleBody."""
    byline: str
    source: str
    url: str
    language: str
    published_at: datetime | None
    updated_at: datetime | None
    keywords: str


def page_metadata(page: str) -> PageMetadata:
    """The metadata of a page."""
    meta = _meta(page)
    item = _news_article(page)
    language = _LANGUAGE.search(page[:20_000])
    title = _TITLE.search(page[:200_000])
    return PageMetadata(
        headline=_text(item.get("headline")) or meta.get("og:title", "") or (unescape(title[1]) if title else ""),
        body=_text(item.get("articleBody")),
        byline=_names(item.get("author")) or next((v for k in _BYLINE if _is_name(v := meta.get(k, ""))), ""),
        source=_names(item.get("publisher")) or meta.get("og:site_name", ""),
        url=_canonical(page) or meta.get("og:url", ""),
        language=_text(item.get("inLanguage")) or (language[1] if language else "") or meta.get("og:locale", ""),
        published_at=_first_date(item.get("datePublished"), *(meta.get(k) for k in _PUBLISHED)),
        updated_at=_first_date(item.get("dateModified"), *(meta.get(k) for k in _UPDATED)),
        keywords=_names(item.get("keywords")) or meta.get("news_keywords", "") or meta.get("keywords", ""),
    )


def _attributes(tag: str) -> dict[str, str]:
    return {m[1].lower(): unescape(m[2] or m[3] or m[4] or "").strip() for m in _ATTRIBUTE.finditer(tag)}


def _meta(page: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for tag in _META.finditer(page):
        attributes = _attributes(tag[1])
        name = attributes.get("property") or attributes.get("name") or attributes.get("itemprop") or ""
        if name and attributes.get("content"):
            found.setdefault(name.lower(), attributes["content"])
    return found


def _canonical(page: str) -> str:
    tags = (_attributes(tag[1]) for tag in _LINK.finditer(page))
    return next((a["href"] for a in tags if a.get("rel", "").lower() == "canonical" and "://" in a.get("href", "")), "")


def _news_article(page: str) -> dict[str, Any]:
    """The schema.org article on the page; where several are, the one with the longest body."""
    found = [item for item in _json_ld(page) if any(_ARTICLE.search(kind) for kind in _types(item))]
    return max(found, key=lambda item: len(_text(item.get("articleBody"))), default={})


def _scripts(page: str) -> Iterator[str]:
    at = 0
    while (start := _JSON_LD.search(page, at)) and (end := _SCRIPT_END.search(page, start.end())):
        yield page[start.end() : end.start()]
        at = end.end()


def _types(item: dict[str, Any]) -> list[str]:
    kinds = item.get("@type")
    return [kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if isinstance(kind, str)]


def _json_ld(page: str) -> Iterator[dict[str, Any]]:
    for script in islice(_scripts(page), _MAX_BLOCKS):
        try:
            value = jsonio.loads(script.strip())
        except ValueError:
            continue
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict):
                yield item
                graph = item.get("@graph")
                yield from (part for part in graph if isinstance(part, dict)) if isinstance(graph, list) else ()


def _text(value: Any) -> str:
    return unescape(value).strip() if isinstance(value, str) else ""


def _names(value: Any) -> str:
    """One name or several, out of schema.org's strings, objects and lists of either."""
    if isinstance(value, list):
        return ", ".join(name for item in value[:50] if (name := _names(item)))
    return _text(value.get("name") if isinstance(value, dict) else value)


def _is_name(text: str) -> bool:
    return bool(text) and "://" not in text and not text.startswith("@")


def _first_date(*values: Any) -> datetime | None:
    return next((found for value in values if value and (found := parse_date(value))), None)
