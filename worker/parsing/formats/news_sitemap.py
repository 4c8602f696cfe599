"""Sitemaps (sitemaps.org 0.9) with Google's news extension 0.9: headlines, times and addresses, but never a text.

Each entry is reported as such, with its address, so that whoever dropped the sitemap knows what to fetch.
"""

from worker.core.article import Rejected
from worker.parsing import feed, xml
from worker.parsing.format import Format, Records
from worker.parsing.source import Source


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name in ("urlset", "sitemapindex")


def _read(source: Source) -> Records:
    for number, (item, _) in enumerate(feed.items(source, "url", "sitemap"), 1):
        address = xml.first(xml.strip_namespaces(item), "loc")[:500]
        yield Rejected(f"entry {number}", f"a sitemap entry, no text: drop the page itself ({address})")


FORMAT = Format(
    name="news-sitemap", family="feeds", standard="Sitemaps 0.9, Google News 0.9", matches=_matches, read=_read
)
