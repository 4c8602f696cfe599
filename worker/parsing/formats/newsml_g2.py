"""NewsML-G2 (IPTC, 2.0 to 2.34, core and power conformance): news messages, news items, packages, concepts, catalogs.

Codes are kept as QCodes: catalogs are not fetched to resolve them, for nothing here opens a connection.
"""

from collections.abc import Iterator
from typing import Any

from worker.core.article import Article, Rejected, Status
from worker.parsing import markup, notices, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.formats import nitf
from worker.parsing.source import Source

_ITEMS = {
    "newsItem": "",
    "packageItem": "a package, no text",
    "conceptItem": "a concept, no text",
    "knowledgeItem": "a knowledge item, no text",
    "planningItem": "a planning item, no text",
    "catalogItem": "a catalog, no text",
    "catalog": "a catalog, no text",
}
_STATUSES: dict[str, Status] = {"canceled": "cancelled", "cancelled": "cancelled"}
_CORRECTIONS = frozenset(("sig:correction", "sig:corrected", "edStat:C", "signal:correction"))
_KINDS = {
    **dict.fromkeys(("picture", "photo"), "a picture"),
    "graphic": "a graphic",
    "video": "a video",
    "audio": "a recording",
    "animated": "an animation",
    "composite": "a package",
}


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and (root.name == "newsMessage" or root.name in _ITEMS)


def _read(source: Source) -> Records:
    root = xml.parse(source)
    found = [root] if root.tag in _ITEMS else [e for e in root.iter(*_ITEMS) if e.getparent().tag == "itemSet"]
    for item in found:
        yield _item(item)


def _item(item: Any) -> Article | Rejected:
    if reason := _ITEMS[item.tag]:
        return Rejected("", reason)
    article = notices.with_text(_article(item), _marks(item))
    if not article.text.strip():
        kind = _local(xml.attribute(item, "itemMeta/itemClass", "qcode"))
        return Rejected("", f"{_KINDS[kind]}, no text" if kind in _KINDS else "no text")
    return article


def _marks(item: Any) -> Iterator[str]:
    """Where agencies call an item an alert."""
    for found in item.iter("genre", "signal", "role", "slugline", "profile"):
        yield f"{_local(found.get('qcode') or '')} {xml.text(found)}"


def _article(item: Any) -> Article:
    meta, content = item.find("itemMeta"), item.find("contentMeta")
    meta, content = (part if part is not None else item for part in (meta, content))
    text, inner = _body(item.find("contentSet"))
    versioned, created = (parse_date(xml.first(meta, name)) for name in ("versionCreated", "firstCreated"))
    return Article(
        text=text,
        headline=_headline(content) or (inner.headline if inner else "") or xml.first(meta, "title"),
        external_id=item.get("guid") or None,
        source=_name(meta.find("provider")) or _name(content.find("infoSource")) or None,
        byline=xml.first(content, "by") or (inner and inner.byline) or xml.first(content, "creator/name") or None,
        published_at=created or parse_date(xml.first(content, "contentCreated")) or versioned,
        updated_at=versioned,
        language=xml.attribute(content, "language", "tag") or xml.language(item) or None,
        version=item.get("version") or None,
        status=_status(meta),
        embargoed_until=parse_date(xml.first(meta, "embargoed")),
        credit=xml.first(content, "creditline") or (inner and inner.credit) or None,
        dateline=xml.first(content, "dateline") or (inner and inner.dateline) or None,
        metadata=_metadata(item, meta, content),
    )


def _headline(content: Any) -> str:
    """The main headline: not a sub-headline, which some agencies tell apart by role only."""
    main = (h for h in content.iterfind("headline") if "sub" not in (h.get("role") or "").lower())
    return next((text for headline in main if (text := xml.text(headline))), "")


def _body(contents: Any) -> tuple[str, Article | None]:
    """The longest rendition of the text, and the NITF article it came from if it did."""
    found = list(_renditions(contents)) if contents is not None else []
    return max(found, key=lambda pair: len(pair[0]), default=("", None))


def _renditions(contents: Any) -> Iterator[tuple[str, Article | None]]:
    for inline in contents.iterfind("inlineXML"):
        inner = inline.find(".//nitf")
        if inner is not None:
            article = nitf.article(inner)
            yield article.text, article
        else:
            yield xml.block(inline), None
    for inline in contents.iterfind("inlineData"):
        if (inline.get("contenttype") or "text").startswith(("text", "application/xhtml")) and not inline.get(
            "encoding"
        ):
            yield markup.plain(inline.text or ""), None


def _status(meta: Any) -> Status:
    if any(signal.get("qcode") in _CORRECTIONS for signal in meta.iterfind("signal")):
        return "corrected"
    return _STATUSES.get(_local(xml.attribute(meta, "pubStatus", "qcode")).lower(), "usable")


def _metadata(item: Any, meta: Any, content: Any) -> dict[str, Any]:
    return xml.compact(
        {
            "slugline": xml.first(content, "slugline"),
            "genre": [_concept(found) for found in content.iterfind("genre")],
            "subjects": [_concept(found) for found in content.iterfind("subject")],
            "keywords": [text for found in content.iterfind("keyword") if (text := xml.text(found))],
            "urgency": xml.first(content, "urgency"),
            "located": [_name(found) for found in content.iterfind("located") if _name(found)],
            "subheadline": xml.first(content, "headline[@role='hld:subHeadline']"),
            "description": xml.first(content, "description"),
            "info_source": _name(content.find("infoSource")),
            "first_created": xml.first(meta, "firstCreated"),
            "content_created": xml.first(content, "contentCreated"),
            "content_modified": xml.first(content, "contentModified"),
            "pub_status": _local(xml.attribute(meta, "pubStatus", "qcode")),
            "signals": [s.get("qcode") for s in meta.iterfind("signal") if s.get("qcode")],
            "ednote": " ".join(filter(None, (xml.text(note) for note in meta.iterfind("edNote")))),
            "service": [_name(found) for found in meta.iterfind("service") if _name(found)],
            "alt_ids": [text for found in content.iterfind("altId") if (text := xml.text(found))],
            "links": [_link(found) for found in item.iter("link", "itemRef") if found.getparent() is not None],
            "copyright": xml.first(item, "rightsInfo/copyrightNotice"),
            "usage_terms": xml.first(item, "rightsInfo/usageTerms"),
        }
    )


def _link(element: Any) -> dict[str, str]:
    target = element.get("residref") or element.get("guidref") or element.get("href")
    return xml.compact({"rel": element.get("rel"), "id": target, "version": element.get("version")})


def _concept(element: Any) -> dict[str, str]:
    return xml.compact(
        {
            "code": element.get("qcode") or element.get("uri"),
            "name": xml.first(element, "name") or element.get("literal"),
        }
    )


def _name(element: Any) -> str:
    """What a party or concept is called: its name, its literal, or the code in its QCode."""
    if element is None:
        return ""
    return (
        xml.first(element, "name")
        or element.get("literal")
        or _local(element.get("qcode") or "")
        or element.get("uri")
        or ""
    )


def _local(qcode: str) -> str:
    return qcode.rpartition(":")[2]


FORMAT = Format(
    name="newsml-g2", family="agency XML", standard="IPTC NewsML-G2 2.0 to 2.34", matches=_matches, read=_read
)
