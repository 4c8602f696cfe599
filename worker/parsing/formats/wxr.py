"""WXR, WordPress eXtended RSS 1.0 to 1.2: the export of a WordPress site, read post by post.

Published posts and pages are articles; drafts, attachments, menus and revisions are not.
"""

from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing import feed, markup, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

_KINDS = ("post", "page", "")
_SHOWN = ("publish", "inherit", "")


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name == "rss" and "wordpress.org/export/" in root.attributes


def _read(source: Source) -> Records:
    for item, root in feed.items(source, "item"):
        yield _item(xml.strip_namespaces(item), xml.first(root, "channel/title"), xml.first(root, "channel/language"))


def _item(item: Any, site: str, language: str) -> Article | Rejected:
    kind, status = xml.first(item, "post_type"), xml.first(item, "status")
    if kind not in _KINDS:
        return Rejected("", f"no article: a WordPress {kind}")
    if status not in _SHOWN:
        return Rejected("", f"not published: WordPress status {status}")
    bodies = [markup.to_text(found.text or "") for found in item.iter("encoded")]
    return Article(
        text=next((text for text in bodies if text), "") or markup.to_text(item.findtext("description") or ""),
        headline=markup.to_text(item.findtext("title") or ""),
        external_id=xml.first(item, "guid", "post_id") or None,
        url=xml.first(item, "link") or None,
        source=site or None,
        byline=xml.first(item, "creator") or None,
        published_at=_date(xml.first(item, "post_date_gmt"))
        or parse_date(xml.first(item, "pubDate"))
        or _date(xml.first(item, "post_date")),
        updated_at=_date(xml.first(item, "post_modified_gmt")),
        language=language or None,
        metadata=xml.compact(
            {
                "subjects": [text for found in item.iterfind("category") if (text := xml.text(found))],
                "slugline": xml.first(item, "post_name"),
                "post_id": xml.first(item, "post_id"),
            }
        ),
    )


def _date(text: str) -> Any:
    """WordPress writes zeros for no date."""
    return None if text.startswith("0000") else parse_date(text)


FORMAT = Format(name="wxr", family="feeds", standard="WordPress eXtended RSS 1.0 to 1.2", matches=_matches, read=_read)
