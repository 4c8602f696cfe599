"""RSS 0.9x, 1.0 (RDF), 2.0 with Dublin Core, content and Media RSS modules; Atom 0.3 and 1.0 (RFC 4287).

Read by feedparser, from bytes only: given a string, feedparser would open it as a path or a URL.
"""

import io
from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing import markup, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

_ROOTS = ("rss", "RDF", "feed")


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name in _ROOTS


def _read(source: Source) -> Records:
    import feedparser

    feed = feedparser.parse(io.BytesIO(source.read_all()), sanitize_html=False, resolve_relative_uris=False)
    for entry in feed.entries:
        yield _article(entry, feed.feed)


def _article(entry: Any, feed: Any) -> Article | Rejected:
    # dict.get: feedparser's own get() answers "updated" with "published", and warns about it.
    bodies = [markup.to_text(part.get("value", "")) for part in entry.get("content", ())]
    text = max([*bodies, markup.to_text(entry.get("summary", ""))], key=len)
    published, updated = dict.get(entry, "published"), dict.get(entry, "updated")
    return Article(
        text=text,
        headline=markup.to_text(entry.get("title", "")),
        external_id=entry.get("id"),
        url=entry.get("link"),
        source=entry.get("source", {}).get("title") or feed.get("title"),
        byline=entry.get("author"),
        published_at=parse_date(published) or parse_date(updated),
        updated_at=parse_date(updated),
        language=entry.get("language") or feed.get("language"),
        metadata={"subjects": [tag.term for tag in entry.get("tags", ()) if tag.get("term")]},
    )


FORMAT = Format(name="rss", family="feeds", standard="RSS 0.9x, 1.0, 2.0, Atom 1.0", matches=_matches, read=_read)
