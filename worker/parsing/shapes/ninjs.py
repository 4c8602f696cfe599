"""ninjs, the IPTC's News in JSON, 1.0 to 1.6, 2.0 to 2.2 and 3.0 to 3.1, and the dialects agencies make of it.

Known dialects: Superdesk (`guid` for `uri`, `authors`), TT (`body_html5`), BBC and PA (an `item` list around), AP Media
API (`{"item": {...}}`, texts in other files). 3.x differs from 2.x in camelCase only, so names are compared folded.
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing import markup, notices
from worker.parsing.shape import Record, Shape
from worker.parsing.shapes.fields import STATUSES, Fields, as_text, fold, words

_MARKS = frozenset(
    words(
        "versioncreated pubstatus representationtype headlines bodies descriptions firstcreated contentcreated altids "
        "copyrightholder copyrightnotice renditions associations usageterms ednote embargoed infosource infosources "
        "plannedcoverage eventdetails newscoveragestatus"
    )
)
_KINDS = {
    **dict.fromkeys(words("picture photo image"), "a picture"),
    "graphic": "a graphic",
    "audio": "a recording",
    "video": "a video",
    "composite": "a package",
    "event": "an event",
    "planning": "a planning item",
    "component": "a component",
}
_PLANS = {"eventdetails": "event", "plannedcoverage": "planning"}
_TYPES = frozenset(("text", *_KINDS)) - {"event"}
_ALERT_FIELDS = words("genre genres profile signals slugline keywords")
_SOURCES = words("infosource infoSources infosources copyrightholder copyrightHolder")
_BODY_ORDER = ("text", "plain", "main", "html", "xhtml", "html5", "richhtml5", "nitf")


def _matches(record: Record) -> bool:
    item = record.get("item")
    if isinstance(item, Mapping):
        return _matches(item)
    names = set(map(fold, record))
    if names.isdisjoint(("uri", "guid")):
        return False
    return (
        not names.isdisjoint(_MARKS)
        or any(name.startswith(("body_", "description_", "headline_")) for name in record)
        or fold(str(record.get("type", ""))) in _TYPES
    )


def _read(record: Record) -> Iterator[Article | Rejected]:
    item = record.get("item")
    yield _item(item if isinstance(item, Mapping) else record)


def _item(record: Record) -> Article | Rejected:
    fields = Fields(record)
    kind = fields.take(("type",)).lower() or next((_PLANS[n] for name in record if (n := fold(name)) in _PLANS), "")
    article = _article(record, fields, kind)
    if not article.text and kind in ("", "text"):
        article = notices.with_text(article, [as_text(record.get(name)) for name in _ALERT_FIELDS])
    return article if article.text else Rejected("", _reason(record, kind))


def _article(record: Record, fields: Fields, kind: str) -> Article:
    headline = _role(record, "headlines") or fields.take(("headline", "title"))
    text, described = _body(record, fields), False
    if not text and kind in ("", "text"):
        text = markup.plain(_role(record, "descriptions") or fields.take_starting("description"))
        described = bool(text)
    versioned, created = (fields.take_date((name,)) for name in ("versioncreated", "firstcreated"))
    return Article(
        text=text if described else markup.without_headline(text, headline),
        headline=markup.plain(headline),
        external_id=fields.take(("uri", "guid")) or None,
        url=_url(record),
        source=fields.take(("source", "provider")) or _first(record, *_SOURCES) or None,
        byline=fields.take(("byline", "by", "bylines")) or _first(record, "authors") or None,
        published_at=fields.take_date(("firstpublished",))
        or created
        or fields.take_date(("contentcreated",))
        or versioned,
        updated_at=versioned,
        language=fields.take(("language",)) or None,
        version=fields.take(("version",)) or None,
        status=STATUSES.get(fields.peek(("pubstatus",)).lower(), "usable"),
        embargoed_until=fields.take_date(("embargoed",)),
        credit=fields.take(("creditline", "descriptioncreditline")) or None,
        dateline=fields.take(("dateline",)) or None,
        metadata=_metadata(fields, described),
    )


def _body(record: Record, fields: Fields) -> str:
    """The plain body unless another rendition holds twice as much."""
    found = {name.partition("_")[2]: fields.take((fold(name),)) for name in record if name.startswith("body_")}
    bodies = record.get("bodies")
    for body in bodies if isinstance(bodies, list) else ():
        if isinstance(body, Mapping) and isinstance(body.get("value"), str):
            found.setdefault(
                str(body.get("role") or body.get("contentType") or body.get("contenttype") or ""), body["value"]
            )
            fields.use("bodies")
    ordered = sorted(found, key=lambda name: _BODY_ORDER.index(name) if name in _BODY_ORDER else len(_BODY_ORDER))
    texts = [text for name in ordered if (text := _plain(found[name]))]
    best = texts[0] if texts else ""
    return next((text for text in texts if len(text) > 2 * len(best)), best)


def _plain(body: str) -> str:
    if body.lstrip()[:5] in ("<?xml", "<nitf"):
        from worker.parsing import xml
        from worker.parsing.formats import nitf
        from worker.parsing.source import Source

        return nitf.article(xml.parse(Source(io.BytesIO(body.encode("utf-8", "replace")), "nitf body"))).text
    return markup.plain(body).strip("\n")


def _role(record: Record, name: str) -> str:
    """The main one of 2.x's lists of headlines or descriptions, else the first."""
    values = (
        [item for item in record.get(name) or () if isinstance(item, Mapping)]
        if isinstance(record.get(name), list)
        else []
    )
    values.sort(key=lambda item: item.get("role") != "main")
    return next((text for item in values if (text := as_text(item.get("value")))), "")


def _reason(record: Record, kind: str) -> str:
    renditions = record.get("renditions")
    if kind == "text" and isinstance(renditions, Mapping) and renditions:
        return f"no text: it is in another file ({', '.join(str(name) for name in list(renditions)[:3])})"
    return f"{_KINDS[kind]}, no text" if kind in _KINDS else "no text"


def _url(record: Record) -> str | None:
    uri = record.get("uri") or record.get("guid")
    return uri if isinstance(uri, str) and uri.startswith(("http://", "https://")) else None


def _first(record: Record, *names: str) -> str:
    return next((text for name in names if (text := as_text(record.get(name)))), "")


def _metadata(fields: Fields, described: bool) -> dict[str, Any]:
    """What is left, under newsfold's stable keys where it has one."""
    renamed = {"genres": "genre", "subject": "subjects", "firstcreated": "first_created", "pubstatus": "pub_status",
               "usageterms": "usage_terms", "copyrightnotice": "copyright", "altids": "alt_ids",
               "associations": "links"}  # fmt: skip
    rest = {renamed.get(fold(name), name): value for name, value in fields.rest().items()}
    if "links" in rest:
        rest["links"] = list(_links(rest["links"]))
    return {**rest, **({"text_from": "description"} if described else {})}


def _links(associations: Any) -> Iterator[dict[str, Any]]:
    """Associated items by name and id; what they hold beside that is theirs, not this item's."""
    pairs = associations.items() if isinstance(associations, Mapping) else enumerate(associations)
    for name, item in pairs if isinstance(associations, list | Mapping) else ():
        if isinstance(item, Mapping):
            identifier = item.get("uri") or item.get("guid")
            yield {"rel": str(item.get("name") or name), "id": identifier, "type": item.get("type")}


SHAPE = Shape(
    name="ninjs", standard="IPTC ninjs 1.0-1.6, 2.0-2.2, 3.0-3.1; AP, BBC, TT, Superdesk", matches=_matches, read=_read
)
