"""Ritzau's RBNews XML, as the Danish agency's news queue answers it. No published standard; read from its fields."""

from typing import Any

from worker.core.article import Article
from worker.parsing import markup, xml
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.source import Source


def _matches(source: Source) -> bool:
    root = xml.root(source)
    return root is not None and root.name in ("RBNews", "XMLNewsQueuedResponse")


def _read(source: Source) -> Records:
    for news in xml.parse(source).iter("RBNews"):
        yield _article(news)


def _article(news: Any) -> Article:
    annulled, corrected = (xml.first(news, name) == "true" for name in ("Annulleret", "Korrektion"))
    fields = ("strapline", "section", "format", "Priority", "Replaces", "replacedID", "TilRedaktionen", "subtitle")
    return Article(
        text=markup.plain(news.findtext("content") or ""),
        headline=xml.first(news, "headline", "subtitle", "strapline"),
        external_id=xml.first(news, "NewsID") or None,
        source=xml.first(news, "origin").strip("/") or None,
        byline=xml.first(news, "byLine") or None,
        published_at=parse_date(xml.first(news, "PublishDate")),
        version=xml.first(news, "version") or None,
        status="cancelled" if annulled else "corrected" if corrected else "usable",
        dateline=xml.first(news, "town") or None,
        metadata=xml.compact({_KEYS.get(name, name): xml.first(news, name) for name in fields}),
    )


_KEYS = {
    "strapline": "slugline",
    "format": "item_format",
    "section": "subjects",
    "Priority": "urgency",
    "TilRedaktionen": "ednote",
    "subtitle": "subheadline",
}

FORMAT = Format(name="ritzau", family="agency XML", standard="Ritzau RBNews", matches=_matches, read=_read)
