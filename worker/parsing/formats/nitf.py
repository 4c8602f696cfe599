"""NITF, the IPTC News Industry Text Format, 2.5 to 3.6 (IPTC 1999-2012), with and without its namespace.

Also read inside NewsML-G2, NewsML 1.2 and ninjs, which carry NITF as a body.
"""

from typing import Any

from worker.core.article import Article, Status
from worker.parsing import notices, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source

_STATUSES: dict[str, Status] = {"canceled": "cancelled", "cancelled": "cancelled", "killed": "cancelled"}


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name.lower() == "nitf"


def _read(source: Source) -> Records:
    found = article(xml.parse(source))
    yield notices.with_text(found, (str(found.metadata.get(name, "")) for name in ("genre", "slugline", "keywords")))


def article(nitf: Any) -> Article:
    """The article of a `nitf` element without namespaces. Its text is empty if the element has none."""
    body, data = nitf.find("body"), nitf.find(".//docdata")
    head = body.find("body.head") if body is not None else None
    issued = parse_date(_attribute(nitf, "date.issue", "norm") or _attribute(nitf, "pubdata", "date.publication"))
    released = parse_date(_attribute(nitf, "date.release", "norm"))
    status = (data.get("management-status") or "").lower() if data is not None else ""
    return Article(
        text=_body(body),
        headline=headline(nitf),
        external_id=_attribute(nitf, "doc-id", "id-string") or None,
        source=_source(nitf),
        byline=byline(head),
        published_at=issued or released,
        updated_at=parse_date(_attribute(nitf, "revision-history", "norm")),
        language=nitf.get("baselang") or _attribute(nitf, "lang", "lang") or xml.language(nitf) or None,
        version=_attribute(nitf, "du-key", "version") or None,
        status=_STATUSES.get(status, "usable"),
        embargoed_until=released if issued and released and released > issued else None,
        credit=_find(head, "distributor"),
        dateline=_dateline(head),
        metadata=_metadata(nitf, data, status),
    )


def headline(nitf: Any) -> str:
    """The main headline, or the title if there is none."""
    return xml.first(
        nitf, "body/body.head/hedline/hl1", "body/body.head/hedline", "body/body.head/headline/hl1", "head/title"
    )


def byline(head: Any) -> str | None:
    """The byline of a `body.head`, person and title in one line."""
    found = head.find("byline") if head is not None else None
    return " ".join(part.strip() for part in found.itertext() if part.strip()) or None if found is not None else None


def _dateline(head: Any) -> str | None:
    """The place, or the whole line unless it is but the time, which some agencies write there."""
    if head is None or (head.find("dateline/story.date") is not None and head.find("dateline/location") is None):
        return None
    return _find(head, "dateline/location") or _find(head, "dateline")


def _find(head: Any, path: str) -> str | None:
    return (xml.first(head, path) or None) if head is not None else None


def _attribute(nitf: Any, element: str, name: str) -> str:
    return xml.attribute(nitf, f".//{element}", name)


def _body(body: Any) -> str:
    """The content; a body without one may still have its text in the abstract, or directly in it."""
    if body is None:
        return ""
    found = (
        body.find("body.content"),
        body.find("body.head/abstract"),
        None if body.find("body.content") is not None else body,
    )
    return next((text for element in found if (text := xml.block(element))), "")


def _source(nitf: Any) -> str | None:
    return (
        xml.first(nitf, "body/body.head/distributor")
        or _attribute(nitf, "doc-id", "regsrc")
        or _attribute(nitf, "from-src", "src-name")
        or _attribute(nitf, "doc.copyright", "holder")
        or xml.first(nitf, "body/body.head/rights/rights.owner")
        or None
    )


def _metadata(nitf: Any, data: Any, status: str) -> dict[str, Any]:
    metas = {m.get("name"): m.get("content") for m in nitf.iterfind("head/meta") if m.get("name") and m.get("content")}
    return xml.compact(
        {
            "subjects": [_subject(found) for found in nitf.iterfind(".//tobject.subject")],
            "genre": _attribute(nitf, "tobject.property", "tobject.property.type"),
            "urgency": _attribute(nitf, "urgency", "ed-urg"),
            "keywords": [k for e in nitf.iterfind(".//keyword") if (k := e.get("key") or xml.text(e))],
            "slugline": _attribute(nitf, "du-key", "key") or _attribute(nitf, "fixture", "fix-id"),
            "subheadline": xml.first(nitf, "body/body.head/hedline/hl2"),
            "abstract": xml.first(nitf, "body/body.head/abstract"),
            "ednote": _attribute(nitf, "ed-msg", "info"),
            "expires": _attribute(nitf, "date.expire", "norm"),
            "copyright": _attribute(nitf, "doc.copyright", "holder"),
            "pub_status": status,
            "links": _links(data),
            "meta": metas,
        }
    )


def _links(data: Any) -> list[dict[str, str]]:
    """The document that this one updates or kills, and what becomes of it."""
    managed = data.get("management-doc-idref") if data is not None else None
    return (
        [xml.compact({"rel": "manages", "id": managed, "status": data.get("management-idref-status")})]
        if managed
        else []
    )


def _subject(element: Any) -> dict[str, str]:
    parts = {name: element.get(f"tobject.subject.{name}") for name in ("refnum", "code", "type", "matter", "detail")}
    name = "; ".join(parts[key] for key in ("type", "matter", "detail") if parts[key])
    return xml.compact({"code": parts["refnum"] or parts["code"], "name": name})


FORMAT = Format(name="nitf", family="agency XML", standard="IPTC NITF 2.5 to 3.6", matches=_matches, read=_read)
