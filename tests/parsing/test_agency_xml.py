"""Agency XML: what NewsML-G2, NewsML 1.2 and NITF know of an item is kept."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

from datetime import UTC, datetime

import pytest

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError


def test_newsml_g2_keeps_id_version_times_people_and_status(read, sample):
    package, item, photo = read(sample("newsml_g2.xml"))
    assert package == Rejected("record 1", "a package, no text")
    assert photo == Rejected("record 3", "a picture, no text")
    assert item.external_id == "urn:newsml:wick.example:20240305:ferry"
    assert item.version == "3"
    assert item.headline == "Ferry to Little Wick resumes"
    assert item.text == "The ferry to Little Wick resumed on Tuesday.\nIt had been in port for nine days."
    assert item.published_at == datetime(2024, 3, 5, 8, 0, tzinfo=UTC)
    assert item.updated_at == datetime(2024, 3, 5, 10, 20, tzinfo=UTC)
    assert item.embargoed_until == datetime(2024, 3, 6, 0, 1, tzinfo=UTC)
    assert (item.source, item.byline, item.language) == ("Wick Press", "Ada Quill", "en-GB")
    assert (item.credit, item.dateline, item.status) == ("Wick Press/Harbour News", "LITTLE WICK, March 5", "corrected")


def test_newsml_g2_keeps_subjects_links_and_notes_as_metadata(read, sample):
    metadata = read(sample("newsml_g2.xml"))[1].metadata
    assert metadata["format"] == "newsml-g2"
    assert metadata["slugline"] == "FERRY-RESUMES"
    assert metadata["urgency"] == "4"
    assert metadata["subjects"] == [{"code": "medtop:20000225", "name": "transport"}]
    assert metadata["genre"] == [{"code": "genre:Current", "name": "Current"}]
    assert metadata["links"] == [
        {"rel": "irel:previousVersion", "id": "urn:newsml:wick.example:20240305:ferry", "version": "2"}
    ]
    assert metadata["ednote"] == "Adds the harbour master."
    assert metadata["subheadline"] == "Storm kept boats in port"


def test_newsml_g2_cancelled_item_is_cancelled(read, sample):
    killed = sample("newsml_g2.xml").replace(b"stat:usable", b"stat:canceled").replace(b"sig:correction", b"sig:x")
    assert read(killed)[1].status == "cancelled"


def test_a_kill_without_a_body_is_kept_with_its_headline_for_text(read, sample):
    whole = sample("newsml_g2.xml").replace(b"stat:usable", b"stat:canceled").replace(b"sig:correction", b"sig:x")
    start, end = whole.index(b"<contentSet>"), whole.index(b"</contentSet>")
    (kill,) = (item for item in read(whole[:start] + b"<contentSet>" + whole[end:]) if isinstance(item, Article))
    assert (kill.status, kill.text) == ("cancelled", "Ferry to Little Wick resumes")
    assert kill.external_id == "urn:newsml:wick.example:20240305:ferry"
    assert kill.metadata["text_from"] == "headline"


def test_the_headline_of_an_alert_is_its_text(read):
    item = (
        "<newsItem guid='g'><itemMeta><itemClass qcode='ninat:text'/></itemMeta><contentMeta>"
        "<genre qcode='genre:{}'/><headline>BRIDGE CLOSED</headline></contentMeta></newsItem>"
    )
    assert read(item.format("Alert").encode())[0].text == "BRIDGE CLOSED"
    assert read(item.format("Feature").encode()) == [Rejected("record 1", "no text")]


def test_newsml_g2_reads_nitf_and_escaped_html_as_body(read, sample):
    whole = sample("newsml_g2.xml").decode()
    start, end = whole.index("<inlineXML"), whole.index("</inlineXML>") + len("</inlineXML>")
    nitf = "<inlineXML><nitf xmlns='http://iptc.org/std/NITF/2006-10-18/'><body><body.content><p>One.</p></body.content></body></nitf></inlineXML>"
    html = "<inlineData contenttype='text/html'><![CDATA[<p>Two &amp; three.</p>]]></inlineData>"
    assert read((whole[:start] + nitf + whole[end:]).encode())[1].text == "One."
    assert read((whole[:start] + html + whole[end:]).encode())[1].text == "Two & three."


def test_newsml_1_takes_the_declared_encoding_and_says_so(read, sample):
    (item,) = read(sample("newsml_1.xml"))
    assert item.text == "Le bac a repris son service mardi à midi.\nAprès neuf jours."
    assert item.metadata["encoding"] == "iso-8859-15"


def test_newsml_1_keeps_what_it_knows(read, sample):
    (item,) = read(sample("newsml_1.xml"))
    assert item.external_id == "urn:newsml:wick.example:20240305:brd17"
    assert (item.version, item.status, item.language) == ("2", "cancelled", "fr")
    assert (item.headline, item.byline) == ("Le bac de Petit-Wick repart", "Par Ada Quill")
    assert (item.credit, item.dateline, item.source) == ("Wick Presse", "Petit-Wick, 5 mars", "Wick Presse")
    assert item.published_at == datetime(2024, 3, 5, 8, 0, tzinfo=UTC)
    assert item.updated_at == datetime(2024, 3, 5, 10, 20, tzinfo=UTC)
    assert item.metadata["links"] == [{"rel": "associatedWith", "id": "urn:newsml:wick.example:20240304:brd11"}]
    assert item.metadata["subjects"] == [{"code": "04000000"}]


def test_newsml_1_id_is_the_same_for_every_revision(read, sample):
    later = sample("newsml_1.xml").replace(b"20240305T112000:brd17:2", b"20240305T130000:brd17:3")
    assert read(later)[0].external_id == read(sample("newsml_1.xml"))[0].external_id


def test_newsml_1_picture_is_reported_as_such(read):
    data = b"<NewsML><NewsItem><NewsComponent><Role FormalName='Photo'/></NewsComponent></NewsItem></NewsML>"
    assert read(data) == [Rejected("record 1", "a picture, no text")]


def test_nitf_keeps_what_it_knows(read, sample):
    (item,) = read(sample("nitf.xml"))
    assert item.text == "The harbour bridge reopened on Monday.\nTraffic was light.\nMonday 120\nTuesday 140"
    assert (item.headline, item.byline) == ("Harbour bridge reopens", "By Ada Quill Transport Writer")
    assert (item.external_id, item.version, item.language) == ("wick-bridge-1", "2", "en-GB")
    assert (item.source, item.credit, item.dateline) == ("Wick Press", "Wick Press", "LITTLE WICK")
    assert item.published_at == datetime(2024, 3, 5, 9, 0, tzinfo=UTC)
    assert item.embargoed_until == datetime(2024, 3, 5, 18, 0, tzinfo=UTC)
    assert item.metadata["subjects"] == [{"code": "04015000", "name": "Transport"}]
    assert item.metadata["slugline"] == "bridge"


def test_ritzau_queue_holds_several_items(read):
    item = (
        "<RBNews><NewsID>n{0}</NewsID><PublishDate>2024-03-05T09:00:00</PublishDate><headline>Broen</headline>"
        "<town>Lille Wick</town><origin>/ritzau/</origin><Korrektion>{1}</Korrektion>"
        "<content>&lt;p&gt;Broen er åben.&lt;/p&gt;</content></RBNews>"
    )
    data = f"<XMLNewsQueuedResponse>{item.format(1, 'false')}{item.format(2, 'true')}</XMLNewsQueuedResponse>"
    first, second = read(data.encode())
    assert (first.text, first.source, first.status) == ("Broen er åben.", "ritzau", "usable")
    assert (second.external_id, second.status) == ("n2", "corrected")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            b"<!DOCTYPE nitf [<!ENTITY a 'b'>]><nitf><body><body.content>&a;</body.content></body></nitf>",
            "declares entities",
        ),
        (b"<nitf><body><body.content>" + b"<p>" * 300 + b"x" + b"</p>" * 300, "nested too deep"),
        (b"<nitf><body>", "no well-formed XML"),
        (b"<?xml version='1.0'?><results><id>1</id></results>", "XML in no format"),
    ],
)
def test_xml_that_cannot_be_trusted_fails_with_a_reason(read, data, reason):
    with pytest.raises(ParseError, match=reason):
        read(data)


def test_xml_declared_latin_1_that_is_utf_8_is_read_as_utf_8(read):
    data = (
        "<?xml version='1.0' encoding='iso-8859-1'?><nitf><body><body.content><p>Fähre</p></body.content></body></nitf>"
    )
    assert read(data.encode())[0].text == "Fähre"


def test_entities_of_the_html_set_are_known_without_their_dtd(read):
    data = b"<!DOCTYPE nitf SYSTEM 'nitf.dtd'><nitf><body><body.content><p>caf&eacute;&nbsp;&amp; bar</p></body.content></body></nitf>"
    item = read(data)[0]
    assert isinstance(item, Article)
    assert item.text == "café & bar"
