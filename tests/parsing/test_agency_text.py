"""Agency text: teletype messages with their control characters."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

from datetime import UTC, datetime

ANPA = (
    b"\x16\x16\x01W4211\x1f_wicks\r\nr a\x13\x11 BC-US--HarbourBridge 1stLd-Writethru   03-05 0120\r\n"
    b"\x02^BC-US--Harbour Bridge, 1st Ld-Writethru,120<\r\n^Harbour bridge reopens after nine weeks<\r\n"
    b"^AP Photo XX101<\r\n^Eds: Adds the harbour master.<\r\n^By ADA QUILL=\r\n^Associated Press=\r\n"
    b"\t   LITTLE WICK (AP) _ The harbour bridge reopened on Monday. \r\n\r\n\t   Traffic was light. \r\n\r\n"
    b"\t   \x03AP-WF-03-05-24 0745GMT<\r\n\r\n\x0c\r\n\x04"
)
IPTC = (
    b"\x01eca062 4 i 211 ccccb   dpa 061\r\n\nTransport/\r\n\x021ST LEAD\r\nHarbour bridge reopens\r\nafter nine weeks\r\n"
    b"By Ada Quill, dpa =\r\n\n   Little Wick (dpa) - The harbour bridge\r\nreopened on Monday.\r\n\n   Traffic was light.\r\n\n"
    b"# Notebook\r\n\n* * * *\r\nThe following information is not for publication\r\n- Tel: 1\r\n\r\n\x03051137 GMT Mar 24 \r\n\x7f\n\x7f\x04"
)


def test_anpa_1312_heading_byline_body_and_time(read):
    (item,) = read(ANPA)
    assert item.metadata["format"] == "anpa-1312"
    assert item.headline == "Harbour bridge reopens after nine weeks"
    assert item.text == "LITTLE WICK (AP) _ The harbour bridge reopened on Monday.\nTraffic was light."
    assert item.byline == "By ADA QUILL, Associated Press"
    assert item.published_at == datetime(2024, 3, 5, 7, 45, tzinfo=UTC)
    assert (item.source, item.credit, item.version) == ("AP", "AP", "1st Ld-Writethru")
    assert item.external_id == "W4211-20240305"
    assert item.metadata["slugline"] == "BC-US--Harbour Bridge"
    assert item.metadata["ednote"] == "Eds: Adds the harbour master."


def test_a_spool_holds_several_messages(read):
    assert [item.external_id for item in read(ANPA + ANPA.replace(b"W4211", b"W4212"))] == [
        "W4211-20240305",
        "W4212-20240305",
    ]


def test_anpa_1312_without_marks_as_kyodo_sends_it(read):
    data = (
        b"\x01a0105KYODO\x1fkoko-\r\nu s\x14\x12 BC-Harbour   05-03 0344\r\n\x02BC-Harbour\r\nHarbour bridge reopens+\r\n"
        b"     LITTLE WICK, March 5 Kyodo - The bridge reopened \r\non Monday.\r\n     Traffic was light.\r\n\x03KWS-21:37-05-03-24\x04\r\n"
    )
    (item,) = read(data)
    assert item.headline == "Harbour bridge reopens"
    assert item.text == "LITTLE WICK, March 5 Kyodo - The bridge reopened on Monday.\nTraffic was light."
    assert item.published_at == datetime(2024, 3, 5, 12, 37, tzinfo=UTC)


def test_iptc_7901_heading_body_and_time(read):
    (item,) = read(IPTC)
    assert item.metadata["format"] == "iptc-7901"
    assert item.headline == "Harbour bridge reopens after nine weeks"
    assert item.text == "Little Wick (dpa) - The harbour bridge reopened on Monday.\nTraffic was light."
    assert (item.byline, item.version, item.source) == ("By Ada Quill, dpa", "1ST LEAD", "dpa")
    assert item.published_at == datetime(2024, 3, 5, 11, 37, tzinfo=UTC)
    assert item.external_id == "eca062-20240305"


def test_iptc_7901_text_for_editors_is_no_text_but_kept(read):
    (item,) = read(IPTC)
    assert "not for publication" not in item.text
    assert "not for publication" in item.metadata["ednote"]


def test_iptc_7901_stripped_of_its_control_characters(read):
    plain = bytes(b for b in IPTC if b >= 0x20 or b in b"\r\n").replace(b"\x7f", b"")
    (item,) = read(plain)
    assert item.metadata["format"] == "iptc-7901"
    assert item.headline == "Harbour bridge reopens after nine weeks"
    assert item.published_at == datetime(2024, 3, 5, 11, 37, tzinfo=UTC)
