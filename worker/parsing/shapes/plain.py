"""Ordinary records of news corpora and APIs: one object an article, under the names most of them use.

Covers newsfold's own fields (README, "JSON and JSONL"), schema.org NewsArticle, news-please, newspaper, NewsAPI,
GDELT and common-crawl dumps; there is no standard, so names are compared without case, `_`, `-` and `.`.
"""

from collections.abc import Iterator

from worker.core.article import Article, Rejected
from worker.parsing import markup
from worker.parsing.shape import Record, Shape
from worker.parsing.shapes.fields import STATUSES, Fields, fold, words

TEXT = words(
    "text body content articletext maintext articlebody bodytext fulltext contenttext textcontent plaintext rawtext "
    "articlecontent newstext storytext article story paragraphs"
)
HTML = words("html bodyhtml contenthtml articlehtml bodyxhtml rawhtml htmlcontent pagehtml")
SUMMARY = words("description summary abstract lead excerpt snippet")
HEADLINE = words("headline title heading headlinetext articletitle name")
BYLINE = words("byline author authors creator writer reporter reporters dccreator")
SOURCE = words(
    "source publisher sourcename outlet publication sitename provider newspaper medianame newsoutlet sourcedomain "
    "domain hostname"
)
URL = words("url link canonicalurl permalink articleurl sourceurl href weburl mainentityofpage")
ID = words("id externalid guid uri articleid uuid docid documentid identifier recordid newsid")
PUBLISHED = words(
    "publishedat datepublished datepublish published publisheddate pubdate publicationdate publishdate publishedon "
    "publishtime pubtime firstpublished webpublicationdate dateadded date datetime createdat created timestamp time"
)
UPDATED = words("updatedat datemodified datemodify modified modifiedat updated lastmodified versioncreated")
LANGUAGE = ("language", "lang", "inlanguage", "locale", "languagecode")
VERSION = ("version", "revision", "versionnumber")
EMBARGO = ("embargoeduntil", "embargoed", "embargo")
CREDIT = ("credit", "creditline", "agency", "newsagency")
STATUS = ("status", "pubstatus", "creativeworkstatus")

_MARKS = frozenset(TEXT + HTML + SUMMARY + HEADLINE)
MEDIA = ("picture", "image", "photo", "audio", "video", "graphic", "animation")


def _matches(record: Record) -> bool:
    if "$schema" in record and "properties" in record:
        return False
    return not _MARKS.isdisjoint(map(fold, record))


def read(record: Record) -> Iterator[Article | Rejected]:
    """The article of a record."""
    fields = Fields(record)
    text, page = _body(fields)
    kind = "picture" if {"imageId", "width", "height"} <= record.keys() else str(record.get("type", "")).casefold()
    if not text:
        yield Rejected("", f"a {kind}, no text" if kind in MEDIA else "no text")
        return
    published = fields.take_date(PUBLISHED)
    status = STATUSES.get(fields.peek(STATUS).casefold())
    yield Article(
        text=text,
        headline=markup.plain(fields.take(HEADLINE)) or (page.headline if page else ""),
        external_id=fields.take(ID) or None,
        url=fields.take(URL) or (page and page.url) or None,
        source=fields.take(SOURCE) or (page and page.source) or None,
        byline=fields.take(BYLINE) or (page and page.byline) or None,
        published_at=published or (page and page.published_at) or None,
        updated_at=fields.take_date(UPDATED),
        language=fields.take(LANGUAGE) or (page and page.language) or None,
        version=fields.take(VERSION) or None,
        status=status or "usable",
        embargoed_until=fields.take_date(EMBARGO),
        credit=fields.take(CREDIT) or None,
        dateline=fields.take(("dateline",)) or None,
        metadata=fields.rest(),
    )


def _body(fields: Fields) -> tuple[str, Article | None]:
    """The body of a record as plain text, and the article found in it where the body is a whole web page."""
    for raw, convert in ((fields.take(TEXT, "\n"), markup.plain), (fields.take(HTML, "\n"), markup.to_text)):
        if raw and markup.is_page(raw):
            from worker.parsing.formats import html

            if page := html.article(raw):
                return page.text, page
        if text := raw and convert(raw).strip("\n"):
            return text, None
    return markup.plain(fields.take(SUMMARY)), None


SHAPE = Shape(
    name="record",
    standard="no standard: newsfold's own fields, schema.org NewsArticle and the usual aliases",
    matches=_matches,
    read=read,
)
