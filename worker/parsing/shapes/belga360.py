"""Belga's 360 archive search: news objects whose texts hang in components and proxies. No published standard."""

from collections.abc import Iterator
from typing import Any

from worker.core.article import Article, Rejected
from worker.parsing import markup
from worker.parsing.shape import Record, Shape
from worker.parsing.shapes.fields import Fields


def _matches(record: Record) -> bool:
    return "newsObjectId" in record and isinstance(record.get("newsComponents"), list)


def _read(record: Record) -> Iterator[Article | Rejected]:
    text = "\n".join(_texts(record["newsComponents"]))
    kind = str(record.get("assetType", "")).lower()
    if not text or kind in ("picture", "video", "audio", "graphic"):
        yield Rejected("", f"a {kind}, no text" if text else "no text")
        return
    fields = Fields(
        {name: None if value == "None" else value for name, value in record.items() if name != "newsComponents"}
    )
    yield Article(
        text=text,
        headline=fields.take(("headline",)),
        external_id=fields.take(("newsobjectid",)) or None,
        source=fields.take(("source",)) or None,
        byline=fields.take(("authors",)) or None,
        published_at=fields.take_date(("validatedate", "createdate")),
        language=fields.take(("language",)) or None,
        credit=fields.take(("credit",)) or None,
        dateline=fields.take(("city",)) or None,
        metadata=fields.rest(),
    )


def _texts(components: list[Any]) -> Iterator[str]:
    """Lead and body, in order."""
    for component in components:
        if isinstance(component, dict) and component.get("assetType") in ("Lead", "Body"):
            proxies = component.get("proxies")
            for proxy in proxies if isinstance(proxies, list) else ():
                data = (proxy.get("clobData"), proxy.get("varcharData")) if isinstance(proxy, dict) else ()
                text = next((item for item in data if isinstance(item, str) and item not in ("", "None")), "")
                if text.strip():
                    yield markup.plain(text)


SHAPE = Shape(name="belga360", standard="Belga 360 archive search", matches=_matches, read=_read)
