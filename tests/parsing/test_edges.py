"""What holds for every file: errors are ParseErrors, texts are clean, nothing is opened."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

import io
import socket
import subprocess
import sys
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing import FORMATS, parse, sanitise, sniff
from worker.parsing.encoding import decode, detect
from worker.parsing.sanitise import MAX_COMBINING, clean_line, clean_text, clean_value

SAMPLES = sorted(path for path in (Path(__file__).parent / "data").iterdir())


def read_all(data: bytes) -> list[Article | Rejected]:
    try:
        return list(parse(io.BytesIO(data), "file"))
    except ParseError:
        return []


def is_clean(text: str) -> bool:
    text.encode()
    return clean_text(text) == text


def test_an_empty_file_fails():
    with pytest.raises(ParseError, match="f: empty file"):
        list(parse(io.BytesIO(b""), "f"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xd8\xff\xe0" + b"x" * 50, "a JPEG picture, no text"),
        (bytes(range(256)) * 20, "binary data in no format that newsfold reads"),
        (b"\x7fELF" + bytes(60), "a program"),
        (b"BZh91AY", "bzip2 data; repack it with gzip or zstd"),
    ],
)
def test_what_is_no_text_is_named(data, reason):
    with pytest.raises(ParseError, match=reason):
        list(parse(io.BytesIO(data), "f"))


def test_every_format_has_a_name_of_its_own_and_a_standard():
    assert len({entry.name for entry in FORMATS}) == len(FORMATS)
    assert all(entry.standard and entry.family for entry in FORMATS)


def test_a_format_whose_extra_is_missing_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(ParseError, match=r"pdf needs pip install 'newsfold\[documents\]'"):
        list(parse(io.BytesIO(b"%PDF-1.4\n"), "f"))


def test_sniff_names_the_format_without_reading_the_file(sample):
    assert sniff(io.BytesIO(sample("nitf.xml"))).name == "nitf"
    assert sniff(io.BytesIO(b"\0\1\2")) is None


@given(st.binary(max_size=400) | st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace")))
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_any_bytes_give_records_or_a_parse_error(data):
    read_all(data)


@given(st.data())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_damaged_files_give_clean_records_or_a_parse_error(data):
    damaged = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        damaged[place : place + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6))
    for item in read_all(bytes(damaged)):
        if isinstance(item, Article):
            assert item.text
            assert is_clean(item.text)
            assert is_clean(item.headline)


@given(st.text(st.characters(codec=None), max_size=300))
def test_cleaning_is_idempotent_and_leaves_nothing_a_database_refuses(text):
    once = clean_text(text)
    assert clean_text(once) == once
    once.encode("utf-8")
    assert not any(c < " " and c not in "\n\t" for c in once)
    assert "\n" not in clean_line(text)


@given(
    st.lists(
        st.sampled_from(("a", "\n", "\r", "\t", "\xa0", "\u2028", "\ud800", "\u0301" * 8, "\u0483", "\u064b")),
        max_size=30,
    )
)
def test_a_text_is_found_clean_only_if_cleaning_changes_nothing(pieces):
    text = "".join(pieces)
    once = sanitise._LINE_ENDS.sub("\n", text)
    assert clean_text(text) == sanitise._COMBINING_RUN.sub(r"\1", sanitise._FORBIDDEN.sub("", once))


def test_ordinary_text_is_left_alone():
    for text in ("Café naïve – “quotes” … 東京 हिन्दी עִבְרִית 👩‍👩‍👧\n\tindent", "a\u0301\u0302b"):
        assert clean_text(text) == text


def test_runs_of_combining_marks_are_cut():
    assert clean_text("a" + "\u0301" * 1_000_000 + "b") == "a" + "\u0301" * MAX_COMBINING + "b"


def test_line_ends_are_one_kind():
    assert clean_text("a\r\nb\rc\u2028d\x0be") == "a\nb\nc\nd\ne"


def test_metadata_is_what_json_can_say():
    assert clean_value({"a\0": [float("nan"), 2**70, "x\ud800", {"b": (1, True, None)}]}) == {
        "a": [None, str(2**70), "x", {"b": [1, True, None]}]
    }


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("Fähre".encode(), "utf-8"),
        ("Fähre".encode("utf-16"), "utf-16"),
        ("\ufeffFähre".encode(), "utf-8"),
        ("<?xml version='1.0' encoding='koi8-r'?><a>Паром</a>".encode("koi8-r"), "koi8-r"),
        ('<html><meta charset="windows-1251"><p>Паром</p>'.encode("windows-1251"), "windows-1251"),
        ('<html><meta charset="iso-8859-1"><p>Fähre “x”</p>'.encode("windows-1252"), "windows-1252"),
        ('<html><meta charset="windows-1252"><p>Fähre</p>'.encode(), "utf-8"),
        ("<?xml version='1.0' encoding='no-such'?><a>Fähre</a>".encode(), "utf-8"),
    ],
)  # fmt: skip
def test_the_declared_encoding_goes_first_unless_the_bytes_say_otherwise(data, name):
    text, found = decode(data)
    assert found == name
    assert "\ufffd" not in text


def test_a_hint_from_mail_or_http_counts():
    assert detect("Паром".encode("koi8-r"), "KOI8-R") == "koi8-r"


def test_parsing_opens_no_connection_and_no_file(sample, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a parser reached out")

    texts = [path.read_bytes() for path in SAMPLES]
    list(parse(io.BytesIO(b"<html><body><p>warm the imports up</p></body></html>"), "f"))
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    page = b"<html><head><base href='http://wick.example/'><link rel=stylesheet href='http://wick.example/x.css'></head><body><img src='http://wick.example/x.png'><p>Text of the page.</p></body></html>"
    feed = b"<?xml version='1.0'?><?xml-stylesheet href='http://wick.example/x.xsl'?><!DOCTYPE rss SYSTEM 'http://wick.example/rss.dtd'><rss version='2.0'><channel><item><title>T</title><description>D</description></item></channel></rss>"
    for data in (*texts, page, feed):
        assert read_all(data)


def test_importing_the_parsers_loads_none_of_the_heavy_libraries():
    heavy = [
        "lxml",
        "trafilatura",
        "feedparser",
        "pyarrow",
        "pypdfium2",
        "resiliparse",
        "charset_normalizer",
        "email",
        "tarfile",
    ]
    script = f"import sys, worker.parsing; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2]
    )
    assert done.stdout.strip() == "[]"


def one(**fields):
    (found,) = read_all(orjson.dumps({"title": "A harbour", "text": "The harbour froze over.", **fields}))
    return found


def test_long_fields_are_cut_and_stay_apart():
    """PostgreSQL refuses an index entry over 2,704 bytes, and two ids must stay two."""
    ids = [one(id="x" * 5000 + end, source="\U0001f600" * 5000).external_id for end in "ab"]
    assert len({*ids}) == 2
    assert all(len(found) <= 400 for found in ids)
    assert len(one(source="\U0001f600" * 5000, id="\u6e2f" * 5000).source.encode()) <= 1000


def test_metadata_past_its_limit_loses_its_largest_fields_and_says_so():
    found = one(small="kept", large="x" * 2_000_000, medium="y" * 900_000)
    assert found.metadata["small"] == "kept"
    assert found.metadata["medium"].startswith("y")
    assert found.metadata["left_out"] == ["large"]


def test_a_text_past_its_limit_is_rejected():
    reason = "longer than 2,000,000 characters, the most an article may have"
    assert one(text="x" * 2_000_001).reason == reason
    assert isinstance(one(text="x" * 2_000_000), Article)


@pytest.mark.parametrize("text", [" \u3000\u200b\ufeff", "\u202e\u2066", "\u0301" * 20, "***"])
def test_what_has_no_letter_and_no_digit_is_no_text(text):
    assert one(text=text).reason == "no text"


@pytest.mark.parametrize("value", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"])
def test_the_first_and_the_last_year_mean_never(value):
    assert one(published_at=value).published_at is None
