"""RSS 0.9x, 1.0 (RDF), 2.0 with the Dublin Core, content and Media RSS modules; Atom 0.3 and 1.0 (RFC 4287).

Read by feedparser, from bytes only: given a string, feedparser would open it as a path or a URL. feedparser mends
broken feeds but holds them whole; a long feed, which then has to be well-formed, goes through it a slice at a time.
"""

import copy
import io
from collections.abc import Iterator
from typing import Any

from worker.core.article import Article
from worker.parsing import feed, markup, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

_ROOTS = ("rss", "RDF", "feed")
_WHOLE_BELOW_BYTES = 8_000_000
_SLICE = 100


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name in _ROOTS


def _read(source: Source) -> Records:
    if source.fits(_WHOLE_BELOW_BYTES):
        yield from _articles(source.read_all())
        return
    for part in _slices(source):
        yield from _articles(part)


def _slices(source: Source) -> Iterator[bytes]:
    """Feeds of a hundred items each, with the head of the whole."""
    from lxml import etree

    batch: list[Any] = []
    shell: Any = None
    for item, root in feed.items(source, "item", "entry"):
        if shell is None:
            shell = copy.deepcopy(root)
            for old in [
                e for e in shell.iter() if isinstance(e.tag, str) and etree.QName(e).localname in ("item", "entry")
            ]:
                old.getparent().remove(old)
        batch.append(copy.deepcopy(item))
        if len(batch) == _SLICE:
            yield _document(shell, batch)
            batch = []
    if batch:
        yield _document(shell, batch)


def _document(shell: Any, batch: list[Any]) -> bytes:
    from lxml import etree

    root = copy.deepcopy(shell)
    channel = root.find("channel") if etree.QName(root).localname == "rss" else None
    (channel if channel is not None else root).extend(batch)
    return bytes(etree.tostring(root, encoding="utf-8", xml_declaration=True))


def _articles(data: bytes) -> Iterator[Article]:
    import feedparser

    found = feedparser.parse(io.BytesIO(data), sanitize_html=False, resolve_relative_uris=False)
    for entry in found.entries:
        yield _article(entry, found.feed)


def _article(entry: Any, channel: Any) -> Article:
    # dict.get: feedparser's own get() answers "updated" with "published", and warns about it.
    published, updated = dict.get(entry, "published"), dict.get(entry, "updated")
    bodies = [markup.to_text(part.get("value") or "") for part in entry.get("content", ())]
    link = entry.get("link") or ""
    return Article(
        text=max([*bodies, markup.to_text(entry.get("summary") or "")], key=len),
        headline=markup.to_text(entry.get("title") or ""),
        external_id=entry.get("id"),
        url=link if "://" in link else None,
        source=(entry.get("source") or {}).get("title") or channel.get("title"),
        byline=", ".join(a["name"] for a in entry.get("authors", ()) if a.get("name")) or entry.get("author"),
        published_at=parse_date(published) or parse_date(updated),
        updated_at=parse_date(updated),
        language=entry.get("language") or channel.get("language"),
        credit=entry.get("media_credit", [{}])[0].get("content") if entry.get("media_credit") else None,
        metadata=xml.compact({"subjects": [tag["term"] for tag in entry.get("tags", ()) if tag.get("term")]}),
    )


FORMAT = Format(
    name="rss", family="feeds", standard="RSS 0.9x, 1.0, 2.0; Atom 0.3, 1.0 (RFC 4287)", matches=_matches, read=_read
)
