"""Feeds: RSS, Atom, WordPress exports, sitemaps."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

from datetime import UTC, datetime

import pytest

import worker.parsing.formats.rss as rss
from worker.core.article import Rejected
from worker.core.errors import ParseError

RSS = b"""<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Wick Press</title><language>en</language>%s</channel></rss>"""
ITEM = b"""<item><title>Bridge &amp;amp; ferry</title><link>https://wick.example/%d</link><guid isPermaLink="false">g%d</guid>
 <pubDate>Tue, 05 Mar 2024 10:00:00 +0100</pubDate><dc:creator>Ada Quill</dc:creator><category>transport</category>
 <description>Short.</description><content:encoded><![CDATA[<p>The bridge reopened.</p><p>Traffic was light.</p>]]></content:encoded></item>"""


def test_rss_takes_the_longest_body_and_all_fields(read):
    (item,) = read(RSS % (ITEM % (1, 1)))
    assert (item.headline, item.text) == ("Bridge & ferry", "The bridge reopened.\nTraffic was light.")
    assert (item.external_id, item.url, item.source) == ("g1", "https://wick.example/1", "Wick Press")
    assert (item.byline, item.language) == ("Ada Quill", "en")
    assert item.published_at == datetime(2024, 3, 5, 9, tzinfo=UTC)
    assert item.metadata["subjects"] == ["transport"]


def test_a_broken_feed_is_mended(read):
    broken = (RSS % (ITEM % (1, 1))).replace(b"</channel></rss>", b"").replace(b"Short.", b"Short & <b>bold.")
    assert read(broken)[0].headline == "Bridge & ferry"


@pytest.mark.parametrize("name", ["rss", "atom", "rdf"])
def test_a_long_feed_reads_the_same_in_slices(read, monkeypatch, name):
    entry = b"<entry><id>g%d</id><title>T%d</title><summary>Text.</summary></entry>"
    feeds = {
        "rss": RSS % b"".join(ITEM % (n, n) for n in range(7)),
        "atom": b"<feed xmlns='http://www.w3.org/2005/Atom'><title>Wick Press</title>%s</feed>"
        % b"".join(entry % (n, n) for n in range(7)),
        "rdf": b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>"
        b"<channel><title>Wick Press</title></channel>%s</rdf:RDF>"
        % b"".join(
            b"<item rdf:about='g%d'><title>T</title><description>Text.</description></item>" % n for n in range(7)
        ),
    }
    whole = read(feeds[name])
    monkeypatch.setattr(rss, "_WHOLE_BELOW_BYTES", 10)
    monkeypatch.setattr(rss, "_SLICE", 3)
    assert read(feeds[name]) == whole
    assert len(whole) == 7
    assert whole[6].source == "Wick Press"


def test_atom(read):
    data = b"""<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>Wick</title><entry><id>urn:1</id><title type="text">T</title>
    <published>2024-03-05T09:00:00Z</published><updated>2024-03-05T10:00:00Z</updated><author><name>Ada</name></author>
    <content type="html">&lt;p&gt;The text.&lt;/p&gt;</content></entry></feed>"""
    (item,) = read(data)
    assert (item.text, item.byline, item.external_id) == ("The text.", "Ada", "urn:1")
    assert item.updated_at == datetime(2024, 3, 5, 10, tzinfo=UTC)


def test_an_entry_without_text_is_rejected(read):
    assert read(RSS % b"<item><title>Only a title</title></item>") == [Rejected("record 1", "no text")]


def test_wordpress_export_reads_published_posts_only(read):
    item = """<item><title>T</title><link>https://wick.example/p</link><guid>https://wick.example/?p={0}</guid>
    <content:encoded><![CDATA[<!-- wp:paragraph --><p>The post.</p>]]></content:encoded><wp:post_date_gmt>2024-03-05 09:00:00</wp:post_date_gmt>
    <wp:post_type>{1}</wp:post_type><wp:status>{2}</wp:status></item>"""
    data = f"""<?xml version="1.0"?><!-- an export --><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
    xmlns:wp="http://wordpress.org/export/1.2/"><channel><title>Wick blog</title><language>en</language>
    {item.format(1, "post", "publish")}{item.format(2, "attachment", "inherit")}{item.format(3, "post", "draft")}</channel></rss>"""
    post, attachment, draft = read(data.encode())
    assert (post.text, post.source, post.metadata["format"]) == ("The post.", "Wick blog", "wxr")
    assert post.published_at == datetime(2024, 3, 5, 9, tzinfo=UTC)
    assert attachment == Rejected("record 2", "no article: a WordPress attachment")
    assert draft == Rejected("record 3", "not published: WordPress status draft")


def test_a_sitemap_names_its_pages(read):
    data = b"""<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"><url><loc>https://wick.example/1</loc></url></urlset>"""
    assert read(data) == [
        Rejected("entry 1", "a sitemap entry, no text: drop the page itself (https://wick.example/1)")
    ]


def test_a_feed_that_names_a_path_or_address_opens_none(read, tmp_path):
    secret = tmp_path / "secret.xml"
    secret.write_bytes(RSS % (ITEM % (1, 1)))
    assert read(str(secret).encode())[0].text == str(secret)
    with pytest.raises(ParseError, match="entities"):
        read(b"<!DOCTYPE nitf [<!ENTITY x SYSTEM 'file://%s'>]><nitf>&x;</nitf>" % str(secret).encode())
