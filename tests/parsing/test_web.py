"""Web pages, and the archives they come in."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

import gzip
from datetime import UTC, datetime

import pytest

from worker.core.article import Rejected
from worker.core.errors import ParseError
from worker.parsing import markup

SENTENCES = "".join(
    f"<p>{text}</p>"
    for text in (
        "The ferry to Little Wick resumed its service on Monday after nine days in port, the harbour master said.",
        "Ada Quill told reporters that the storm had torn two cables and flooded the engine room of the older boat.",
        "Passengers who had bought tickets for last week may use them until the end of the month, she added.",
        "The council will decide in April whether to buy a third boat for the winter.",
    )
)
META = """<meta property="article:published_time" content="2024-03-05T10:00:00+01:00"><link rel="canonical" href="https://wick.example/ferry">
<script type="application/ld+json">{"@context":"https://schema.org","@graph":[{"@type":"NewsArticle","headline":"Ferry resumes",
"author":[{"@type":"Person","name":"Ada Quill"}],"publisher":{"name":"Wick Press"},"dateModified":"2024-03-05T12:00:00Z"}]}</script>"""
PAGE = (
    f'<!DOCTYPE html><html lang="en-GB"><head><title>Ferry resumes | Wick Press</title>{META}</head><body><nav><a href="/">Home</a> '
    f'<a href="/sport">Sport</a></nav><article><h1>Ferry resumes</h1>{SENTENCES}</article><footer>Copyright Wick Press</footer></body></html>'
)


def test_page_text_and_metadata(read):
    (item,) = read(PAGE.encode())
    assert item.text.startswith("The ferry to Little Wick")
    assert item.text.endswith("for the winter.")
    assert "Sport" not in item.text
    assert (item.headline, item.byline, item.source) == ("Ferry resumes", "Ada Quill", "Wick Press")
    assert (item.url, item.language) == ("https://wick.example/ferry", "en-GB")
    assert item.published_at == datetime(2024, 3, 5, 9, tzinfo=UTC)
    assert item.updated_at == datetime(2024, 3, 5, 12, tzinfo=UTC)


@pytest.mark.parametrize("depth", [100, 253, 256, 1000])
def test_deep_nesting_never_empties_a_page(read, depth):
    data = f"<html><head><title>Ferry resumes</title></head><body>{'<div>' * depth}{SENTENCES}{'</div>' * depth}</body></html>"
    (item,) = read(data.encode())
    assert item.text.count("\n") == 3
    assert item.headline == "Ferry resumes"


def test_the_article_body_of_json_ld_stands_in_for_a_page_drawn_by_script(read):
    body = "The ferry to Little Wick resumed its service on Monday after nine days in port. " * 5
    page = f'<html><head><script type="application/ld+json">{{"@type":"NewsArticle","headline":"Ferry","articleBody":"{body}"}}</script></head><body><div id="app"></div></body></html>'
    assert read(page.encode())[0].text.startswith("The ferry to Little Wick resumed")


def test_a_page_without_article_is_rejected(read):
    assert read(b"<html><body></body></html>") == [Rejected("record 1", "no text: no article found on the page")]


@pytest.mark.parametrize(
    "page",
    [
        "<html><body><p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">" + SENTENCES,
        "<html><body>" + "<a " * 60_000,
        '<html><body>' + '<a "' * 60_000,
        "<html><body>" + "<!--" * 50_000 + "-->",
        "<html><head>" + "<script type='application/ld+json'>" * 10_000,
        "<html><head>" + "<meta name=a content='x" * 20_000,
    ],
    ids=["attributes", "tags", "quotes", "comments", "json-ld", "meta"],
)  # fmt: skip
def test_pages_made_to_crawl_do_not(read, page):
    import time

    started = time.process_time()
    read(page.encode())
    assert time.process_time() - started < 5


def test_mhtml(read):
    data = (
        "From: <Saved by Blink>\r\nSnapshot-Content-Location: https://wick.example/saved\r\nSubject: Ferry\r\nMIME-Version: 1.0\r\n"
        'Content-Type: multipart/related; type="text/html"; boundary="BB"\r\n\r\n--BB\r\nContent-Type: text/html\r\n\r\n'
        f"{PAGE.replace('canonical', 'x')}\r\n--BB--\r\n"
    )
    ((name, item),) = read(data.encode(), formats=True)
    assert (name, item.url, item.headline) == ("mhtml", "https://wick.example/saved", "Ferry resumes")


def warc(kind: str, body: bytes, content: str) -> bytes:
    head = (
        f"WARC/1.1\r\nWARC-Type: {kind}\r\nWARC-Record-ID: <urn:uuid:12345678-1234-1234-1234-1234567890ab>\r\n"
        f"WARC-Date: 2024-03-05T10:00:00Z\r\nWARC-Target-URI: https://wick.example/w\r\nContent-Type: {content}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body + b"\r\n\r\n"


def response(body: bytes, content: str, status: str = "200 OK") -> bytes:
    return warc(
        "response",
        f"HTTP/1.1 {status}\r\nContent-Type: {content}\r\nContent-Encoding: gzip\r\n\r\n".encode()
        + gzip.compress(body),
        "application/http; msgtype=response",
    )


def test_warc_reads_pages_and_converted_text_and_passes_over_the_rest(read):
    data = (
        warc("warcinfo", b"software: x", "application/warc-fields")
        + response(PAGE.encode("latin-1"), "text/html; charset=iso-8859-1")
        + response(b"\xff\xd8", "image/jpeg")
        + response(PAGE.encode(), "text/html", "404 Not Found")
        + warc("conversion", b"Plain words of a page.", "text/plain")
    )
    page, text = read(data)
    assert (page.headline, page.metadata["format"]) == ("Ferry resumes", "warc")
    assert page.metadata["crawled_at"] == "2024-03-05T10:00:00Z"
    assert (text.text, text.url) == ("Plain words of a page.", "https://wick.example/w")
    assert [item.text for item in read(gzip.compress(data))] == [page.text, text.text]


def test_a_warc_that_is_cut_off_keeps_what_came_before(read):
    import io

    from worker.parsing import parse

    found = parse(io.BytesIO((response(PAGE.encode(), "text/html") * 2)[:-100]), "crawl.warc")
    assert next(found).headline == "Ferry resumes"
    with pytest.raises(ParseError, match="WARC"):
        list(found)


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>two<br/>three", "One\ntwo\nthree"),
        ("a &lt; b &amp; c&nbsp;d", "a < b & c d"),
        ('<a title="x > y" href="#">link</a> on', "link on"),
        ("<ul><li>one<li>two</ul>", "one\ntwo"),
        ("<table><tr><td>1</td><td>2</td></tr></table>", "1 2"),
        ("x<style>p{}</style><!-- c --><script>1<2</script>y", "x y"),
        ("<pre>a\n b</pre>c\nd", "a\nb\nc d"),
        ("2 < 3 and 4 > 1", "2 < 3 and 4 > 1"),
        ("<head><title>no</title></head><body>yes</body>", "yes"),
    ],
)
def test_fragments_to_text(html, text):
    assert markup.to_text(html) == text
