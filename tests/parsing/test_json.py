"""JSON in all its framings, ordinary records and the agencies' shapes."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing.json_array import elements
from worker.parsing.source import Source

RECORD = {
    "id": "w1",
    "title": "Bridge reopens",
    "text": "The bridge reopened.",
    "published_at": "2024-03-05T10:00:00+01:00",
}


def dump(value) -> bytes:
    return json.dumps(value).encode()


def test_newsfolds_own_fields(read):
    record = {
        **RECORD,
        "source": "Wick Press",
        "url": "https://wick.example/1",
        "language": "en",
        "byline": "Ada",
        "mood": 3,
    }
    (item,) = read(dump(record))
    assert item == Article(
        text="The bridge reopened.",
        headline="Bridge reopens",
        external_id="w1",
        source="Wick Press",
        url="https://wick.example/1",
        byline="Ada",
        published_at=datetime(2024, 3, 5, 9, 0, tzinfo=UTC),
        language="en",
        metadata={"format": "record", "mood": 3},
    )


@pytest.mark.parametrize(
    "record",
    [
        {
            "headline": "H",
            "articleBody": "T",
            "datePublished": "2024-03-05",
            "publisher": {"name": "S"},
            "author": [{"name": "A"}, "B"],
        },
        {
            "title": "H",
            "maintext": "T",
            "date_publish": "2024-03-05 00:00:00",
            "source_domain": "S",
            "authors": ["A", "B"],
        },
        {
            "title": "H",
            "content": "T",
            "publishedAt": 1709596800,
            "source": {"id": None, "name": "S"},
            "author": "A, B",
        },
        {"Title": "H", "Body": "T", "pub-date": "Tue, 05 Mar 2024 00:00:00 GMT", "outlet": "S", "creator": "A, B"},
        {"title": "H", "html": "<p>T</p>", "timestamp": 1709596800000, "site_name": "S", "byline": "A, B"},
        {
            "title": "H",
            "paragraphs": ["T"],
            "date": {"$date": "2024-03-05T00:00:00Z"},
            "newspaper": "S",
            "writer": "A, B",
        },
    ],
)
def test_usual_aliases(read, record):
    (item,) = read(dump(record))
    assert (item.headline, item.text, item.source, item.byline) == ("H", "T", "S", "A, B")
    assert item.published_at == datetime(2024, 3, 5, tzinfo=UTC)


def test_a_description_is_the_text_only_if_there_is_no_other(read):
    assert read(dump({**RECORD, "description": "Short."}))[0].metadata["description"] == "Short."
    assert read(dump({"title": "T", "description": "Short."}))[0].text == "Short."


def test_html_in_a_text_field_becomes_plain(read):
    (item,) = read(
        dump({"title": "A &amp; B", "text": "<p>One &amp; two</p>\n<p>Three<br>four</p><script>x()</script>"})
    )
    assert item.text == "One & two\nThree\nfour"


def test_a_web_page_in_a_record_is_reduced_to_its_article(read):
    page = (
        "<html><body><nav>Home Sport</nav><article>"
        + "<p>The ferry to Little Wick resumed on Monday, a spokesman said.</p>" * 5
    )
    (item,) = read(dump({"title": "Ferry", "html": page + "</article></body></html>"}))
    assert item.text.startswith("The ferry")
    assert "Sport" not in item.text


@pytest.mark.parametrize("wrapper", ["articles", "items", "data", "results", "anything"])
def test_an_object_around_one_list(read, wrapper):
    items = read(dump({"status": "ok", wrapper: [RECORD, RECORD]}))
    assert [item.headline for item in items] == ["Bridge reopens"] * 2


def test_records_without_text_are_rejected_where_they_stand(read):
    items = read(dump([RECORD, {"title": "only"}, {"type": "picture", "title": "p"}, 7, {"n": 1}]))
    assert items[1:] == [
        Rejected("record 2", "no text"),
        Rejected("record 3", "a picture, no text"),
        Rejected("record 4", "a JSON int, not an object"),
        Rejected("record 5", "no text: none of the object's fields is known as a text"),
    ]


def test_jsonl_keeps_the_good_lines_around_a_broken_one(read):
    pairs = read(dump(RECORD) + b'\n{"title": broken\n\n' + dump(RECORD), formats=True)
    assert [name for name, _ in pairs] == ["jsonl/record", "jsonl", "jsonl/record"]
    assert pairs[1][1].position == "line 2"
    assert pairs[1][1].reason.startswith("no valid JSON")


def test_jsonl_line_in_another_encoding_is_read(read):
    good = dump(RECORD)
    bad = '{"title": "Brücke", "text": "Die Brücke über den Fluß ist wieder geöffnet."}'.encode("windows-1252")
    assert read(good + b"\n" + bad + b"\n")[1].headline == "Brücke"


def test_pretty_printed_json_is_no_jsonl(read):
    assert [name for name, _ in read(json.dumps(RECORD, indent=1).encode(), formats=True)] == ["json/record"]


def test_a_long_single_line_is_read_either_way(read):
    long = {**RECORD, "text": "word " * 20_000}
    assert len(read(dump({"articles": [long, RECORD]}))) == 2
    assert len(read(dump([long, RECORD, {"n": 1}]))) == 3


def test_numbers_surrogates_and_nul_in_json_do_no_harm(read):
    (item,) = read(b'{"title": "a\\ud800b", "text": "c\\u0000d", "x": NaN, "big": 123456789012345678901234567890}')
    assert (item.headline, item.text) == ("ab", "cd")
    assert item.metadata == {"format": "record", "x": None, "big": "123456789012345678901234567890"}


@pytest.mark.parametrize("data", [b'{"title": ', b'{"text":' + b"[" * 5000 + b"]" * 5000 + b"}", b"[" * 200_000])
def test_broken_json_fails_with_a_reason(read, data):
    with pytest.raises(ParseError, match=r"JSON"):
        read(data)


@given(
    st.lists(
        st.recursive(
            st.none() | st.text() | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
)
def test_an_array_is_cut_into_what_it_holds(values):
    import io

    source = Source(io.BytesIO(json.dumps(values).encode()), "array")
    assert [json.loads(element) for element in elements(source)] == values


def test_an_array_longer_than_the_buffer_is_cut_right():
    import io

    values = [{"text": 'quote " and bracket ] ' * 5000, "n": n} for n in range(20)]
    source = Source(io.BytesIO(json.dumps(values, indent=2).encode()), "array")
    assert [json.loads(element) for element in elements(source)] == values


NINJS = {
    "uri": "urn:wick:1", "type": "text", "version": "2", "versioncreated": "2024-03-05T10:00:00Z",
    "firstcreated": "2024-03-05T09:00:00Z", "pubstatus": "usable", "urgency": 4, "language": "en",
    "headline": "Bridge reopens", "byline": "Ada Quill", "slugline": "bridge", "embargoed": "2024-03-06T00:00:00Z",
    "body_html": "<h1>Bridge reopens</h1><p>The bridge reopened.</p>", "subject": [{"name": "transport"}],
    "associations": {"main": {"uri": "urn:wick:p1", "type": "picture"}}, "infosource": [{"name": "Wick Press"}],
}  # fmt: skip


def test_ninjs_1(read):
    ((name, item),) = read(dump(NINJS), formats=True)
    assert name == "json/ninjs"
    assert (item.external_id, item.version, item.headline) == ("urn:wick:1", "2", "Bridge reopens")
    assert (item.text, item.byline, item.source) == ("The bridge reopened.", "Ada Quill", "Wick Press")
    assert item.published_at == datetime(2024, 3, 5, 9, tzinfo=UTC)
    assert item.updated_at == datetime(2024, 3, 5, 10, tzinfo=UTC)
    assert item.embargoed_until == datetime(2024, 3, 6, tzinfo=UTC)
    assert item.metadata["slugline"] == "bridge"
    assert item.metadata["subjects"] == [{"name": "transport"}]
    assert item.metadata["links"] == [{"rel": "main", "id": "urn:wick:p1", "type": "picture"}]
    assert item.metadata["pub_status"] == "usable"


@pytest.mark.parametrize(
    ("created", "status", "kind"),
    [("versioncreated", "pubstatus", "contenttype"), ("versionCreated", "pubStatus", "contentType")],
)
def test_ninjs_2_and_3_lists_of_bodies_and_headlines(read, created, status, kind):
    record = {
        "uri": "https://wick.example/1", created: "2024-03-05T10:00:00Z", status: "canceled", "by": "Ada",
        "headlines": [{"role": "seo", "value": "No"}, {"role": "main", "value": "Bridge reopens"}],
        "bodies": [{"role": "html", kind: "text/html", "value": "<p>The bridge reopened.</p>"}],
    }  # fmt: skip
    (item,) = read(dump(record))
    assert (item.headline, item.text, item.byline, item.status) == (
        "Bridge reopens",
        "The bridge reopened.",
        "Ada",
        "cancelled",
    )
    assert item.url == "https://wick.example/1"


def test_ninjs_body_may_be_nitf(read):
    nitf = "<?xml version='1.0' encoding='UTF-8'?><nitf><body><body.content><p>Wieder geöffnet.</p></body.content></body></nitf>"
    assert (
        read(dump({"uri": "u", "pubstatus": "usable", "bodies": [{"role": "nitf", "value": nitf}]}))[0].text
        == "Wieder geöffnet."
    )


@pytest.mark.parametrize(
    ("kind", "reason"), [("picture", "a picture"), ("audio", "a recording"), ("composite", "a package")]
)
def test_ninjs_items_without_text_are_named(read, kind, reason):
    record = {"uri": "u", "type": kind, "headline": "H", "description_text": "A caption"}
    assert read(dump(record)) == [Rejected("record 1", f"{reason}, no text")]


def test_the_headline_of_an_alert_is_its_text_and_no_other_headline_is(read):
    record = {"uri": "u", "type": "text", "pubstatus": "usable", "headline": "BRIDGE CLOSED"}
    assert read(dump(record)) == [Rejected("record 1", "no text")]
    assert read(dump({**record, "profile": "flash"}))[0].text == "BRIDGE CLOSED"


def test_ap_media_api_wraps_items_and_keeps_texts_elsewhere(read):
    inner = {
        "uri": "u",
        "type": "text",
        "versioncreated": "2024-03-05T10:00:00Z",
        "headline": "H",
        "altids": {"itemid": "1"},
    }
    feed = {
        "data": {
            "items": [
                {"meta": {}, "item": {**inner, "renditions": {"nitf": {"href": "http://x"}}}},
                {"meta": {}, "item": {**inner, "body_text": "T"}},
            ]
        }
    }
    rejected, item = read(dump(feed))
    assert rejected == Rejected("record 1", "no text: it is in another file (nitf)")
    assert (item.text, item.metadata["format"]) == ("T", "ninjs")


def test_jsonl_of_ninjs(read):
    assert [name for name, _ in read(dump(NINJS) + b"\n" + dump(NINJS), formats=True)] == ["jsonl/ninjs"] * 2


def test_json_feed_gives_its_title_to_its_items(read):
    items = [
        {"id": "1", "title": "A", "content_html": "<p>T</p>", "date_published": "2024-03-05T00:00:00Z"},
        {"id": "2", "title": "B"},
    ]
    first, second = read(
        dump({"version": "https://jsonfeed.org/version/1.1", "title": "Wick", "language": "en", "items": items})
    )
    assert (first.source, first.language, first.text) == ("Wick", "en", "T")
    assert second == Rejected("record 2", "no text")
