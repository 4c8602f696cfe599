"""NewsML 1.0 to 1.2 (IPTC 2000-2003): news items of nested components, with NITF, HTML or plain text as content."""

from collections.abc import Iterator
from typing import Any

from worker.core.article import Article, Rejected, Status
from worker.parsing import markup, notices, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.formats import nitf
from worker.parsing.source import Source

_MEDIA = {
    **dict.fromkeys(("photo", "picture", "image"), "a picture"),
    "graphic": "a graphic",
    "video": "a video",
    "audio": "a recording",
    "animation": "an animation",
}
_NOT_BODY = frozenset(("title", "caption", "headline", "keyword", "keywords", "thumbnail", "preview", "quicklook"))
_STATUSES: dict[str, Status] = {"canceled": "cancelled", "cancelled": "cancelled", "corrected": "corrected"}


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name == "NewsML"


def _read(source: Source) -> Records:
    root = xml.parse(source)
    for item in root.iterfind("NewsItem"):
        yield _item(item, root.find("NewsEnvelope"))


def _item(item: Any, envelope: Any) -> Article | Rejected:
    article = notices.with_text(_article(item, envelope), _marks(item))
    if article.text.strip():
        return article
    roles = [(element.get("FormalName") or "").lower() for element in item.iter("Role", "MediaType")]
    kind = next((_MEDIA[role] for role in roles if role in _MEDIA), "")
    return Rejected("", f"{kind}, no text" if kind else "no text")


def _marks(item: Any) -> Iterator[str]:
    """Where agencies call an item an alert."""
    yield from _formal_names(item, "NewsItemType") + _formal_names(item, "Genre")
    yield _line(item, "SlugLine")


def _article(item: Any, envelope: Any) -> Article:
    bodies = list(_bodies(item, ""))
    inner = next((article for _, article in bodies if article), None)
    management = item.find("NewsManagement")
    management = management if management is not None else item
    created = parse_date(xml.first(management, "FirstCreated"))
    return Article(
        text="\n".join(text for text, _ in bodies),
        headline=_line(item, "HeadLine") or (inner.headline if inner else "") or "",
        external_id=_identifier(item),
        source=_party(item, "Provider") or _party(item, "Source") or xml.first(item, ".//ProviderId") or None,
        byline=_line(item, "ByLine") or (inner and inner.byline) or None,
        published_at=created or parse_date(xml.first(item, ".//DateId")) or parse_date(_sent(envelope)),
        updated_at=parse_date(xml.first(management, "ThisRevisionCreated")),
        language=xml.attribute(item, ".//Language", "FormalName") or _language(item),
        version=xml.first(item, ".//RevisionId") or None,
        status=_status(management),
        embargoed_until=_embargo(management),
        credit=_line(item, "CreditLine") or (inner and inner.credit) or None,
        dateline=_line(item, "DateLine") or (inner and inner.dateline) or None,
        metadata=_metadata(item, management),
    )


def _bodies(component: Any, role: str) -> Iterator[tuple[str, Article | None]]:
    """The texts of a component and those in it. Of equivalent ones (`EquivalentsList`) only the longest counts."""
    role = (xml.attribute(component, "Role", "FormalName") or role).lower()
    if role in _MEDIA or role in _NOT_BODY:
        return
    found = [pair for item in component.iterfind("ContentItem") if (pair := _content(item))]
    inner = [list(_bodies(part, "")) for part in component.iterfind("NewsComponent")]
    if component.get("EquivalentsList") == "yes" and len(inner) > 1:
        inner = [max(inner, key=lambda pairs: sum(len(text) for text, _ in pairs))]
    yield from found
    for pairs in inner:
        yield from pairs


def _content(item: Any) -> tuple[str, Article | None] | None:
    data = item.find("DataContent")
    if (
        data is None
        or xml.attribute(item, "MediaType", "FormalName").lower() in _MEDIA
        or item.find("Encoding") is not None
    ):
        return None
    inner = data.find(".//nitf")
    if inner is not None:
        article = nitf.article(inner)
        return (article.text, article) if article.text else None
    text = xml.block(data) if len(data) else markup.plain((data.text or "").strip())
    return (text, None) if text else None


def _identifier(item: Any) -> str | None:
    """The item's URN without its revision, which is the same for all versions.

    Its date is cut to the day: some agencies write the time of the revision there. Items without an id of their own
    (some agencies give all the same public identifier) go by their number, or by the id of their first component.
    """
    urn = xml.first(item, "Identification/NewsIdentifier/PublicIdentifier").split(":")
    if len(urn) >= 6 and urn[:2] == ["urn", "newsml"]:
        return ":".join([*urn[:3], urn[3][:8], *urn[4:-1]])
    names = ("ProviderId", "DateId", "NewsItemId")
    provider, day, number = (xml.first(item, f"Identification/NewsIdentifier/{name}") for name in names)
    if number:
        return f"urn:newsml:{provider}:{day[:8]}:{number}"
    own = xml.first(item, ".//guid") or xml.attribute(item, ".//NewsComponent", "Duid")
    return f"{provider}:{own}" if len(own) > 1 else None


def _line(item: Any, name: str) -> str:
    return xml.first(item, f".//NewsLines/{name}")


def _party(item: Any, role: str) -> str:
    return xml.attribute(item, f".//AdministrativeMetadata/{role}/Party", "FormalName")


def _sent(envelope: Any) -> str:
    return xml.first(envelope, "DateAndTime") if envelope is not None else ""


def _language(item: Any) -> str | None:
    return next((found for element in item.iter("NewsItem", "NewsComponent") if (found := xml.language(element))), None)


def _status(management: Any) -> Status:
    return _STATUSES.get(xml.attribute(management, "Status", "FormalName").lower(), "usable")


def _embargo(management: Any) -> Any:
    if xml.attribute(management, "Status", "FormalName").lower() != "embargoed":
        return None
    return parse_date(xml.first(management, "StatusWillChange/DateAndTime"))


def _metadata(item: Any, management: Any) -> dict[str, Any]:
    named = ("Subject", "SubjectMatter", "SubjectDetail", "SubjectQualifier")
    return xml.compact(
        {
            "slugline": _line(item, "SlugLine") or xml.first(item, "Identification/NameLabel"),
            "subheadline": _line(item, "SubHeadLine"),
            "genre": _formal_names(item, "Genre"),
            "subjects": [{"code": code} for name in named for code in _formal_names(item, name)],
            "keywords": _keywords(item),
            "urgency": xml.attribute(management, "Urgency", "FormalName") or xml.first(management, "Urgency"),
            "pub_status": xml.attribute(management, "Status", "FormalName"),
            "first_created": xml.first(management, "FirstCreated"),
            "revision_update": xml.attribute(item, ".//RevisionId", "Update"),
            "copyright": _line(item, "CopyrightLine"),
            "creator": _party(item, "Creator"),
            "links": [
                _link(found) for found in management.iter("AssociatedWith", "DerivedFrom") if found.get("NewsItem")
            ],
        }
    )


def _formal_names(item: Any, element: str) -> list[str]:
    return list(dict.fromkeys(name for found in item.iter(element) if (name := found.get("FormalName"))))


def _keywords(item: Any) -> list[str]:
    lines = [xml.text(line) for line in item.iterfind(".//NewsLines/KeywordLine")]
    properties = [p.get("Value") for p in item.iter("Property") if p.get("FormalName") == "Keyword"]
    return [word for word in dict.fromkeys(lines + properties) if word]


def _link(element: Any) -> dict[str, str]:
    return {
        "rel": "associatedWith" if element.tag == "AssociatedWith" else "derivedFrom",
        "id": element.get("NewsItem"),
    }


FORMAT = Format(name="newsml-1", family="agency XML", standard="IPTC NewsML 1.0 to 1.2", matches=_matches, read=_read)
