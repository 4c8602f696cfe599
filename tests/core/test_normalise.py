"""What normalisation sets apart, what it keeps, and what it reads off a text."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.article import Article
from worker.core.normalise import agency, canonical_url, normalise

BODY = (
    "The harbour council of Vellmouth voted on Tuesday to close the old ferry pier after cracks were found.\n"
    "Engineers will inspect the remaining 14 piles before winter, the council said in a statement."
)


def body_of(text: str, headline: str = "Vellmouth closes ferry pier") -> str:
    return normalise(Article(text=text, headline=headline)).body


def test_plain_text_stays_as_it_is() -> None:
    """A text without furniture is not touched."""
    normal = normalise(Article(text=BODY, headline="Vellmouth closes  ferry pier"))
    assert (normal.headline, normal.body) == ("Vellmouth closes ferry pier", BODY)
    assert (normal.credit, normal.dateline, normal.byline, normal.published_at) == (None, None, None, None)


@pytest.mark.parametrize(
    "line",
    [
        "Advertisement",
        "Share this article",
        "READ MORE: Five piers that fell into the sea",
        "© 2031 Vellmouth Courier. All rights reserved.",
        "Copyright 2031 The Associated Press. All rights reserved. This material may not be published or rewritten.",
        "Alle Rechte vorbehalten",
        "Все права защищены",
        "جميع الحقوق محفوظة",
        "版权所有",
        "(Reporting by Ada Quill; Editing by Bo Tarn)",
        "Additional reporting by Ada Quill in Vellmouth.",
        "Ada Quill contributed to this report.",
        "Follow Ada Quill on Twitter: @adaquill",
        "Comments 12",
        "Читайте также",
        "اقرأ أيضا",
        "广告",
        "The pier on Monday. (AP Photo/Ada Quill)",
        "The Harbour Letter, every Friday. Please verify you're not a robot to sign up.",
    ],
)
def test_known_furniture_is_set_apart(line: str) -> None:
    """A line that is known to be no story text does not reach the body."""
    assert body_of(f"{BODY}\n{line}") == BODY


@pytest.mark.parametrize(
    "sentence",
    [
        "Close to the pier, divers found a second crack.",
        "More than 300 people signed.",
        "Read more books, the mayor told pupils.",
        "The council reserved its judgement.",
        "Reporting to the council is now a duty.",
        "By noon the pier was empty.",
    ],
)
def test_sentences_that_begin_like_furniture_stay(sentence: str) -> None:
    """What merely begins with the same word is story text."""
    assert body_of(f"{BODY}\n{sentence}").endswith(sentence)


def test_hard_wrapped_lines_are_not_taken_for_furniture() -> None:
    """A line in the middle of a sentence may begin with any word."""
    text = "Shareholders of Pelling Rope will be asked whether they want to\nsubscribe to 40,000 new shares."
    assert body_of(text) == text


def test_a_repeated_headline_is_taken_out_of_the_body() -> None:
    """The headline again, with or without the site's name, is no part of the body."""
    for first in (
        "Vellmouth closes ferry pier",
        "VELLMOUTH CLOSES FERRY PIER",
        "Vellmouth closes ferry pier | Courier",
    ):
        assert body_of(f"{first}\n{BODY}") == BODY


def test_a_text_without_headline_gets_its_title_line() -> None:
    """A short first line without a full stop is the headline, and only then."""
    assert normalise(Article(text=f"Vellmouth closes ferry pier\n{BODY}")).headline == "Vellmouth closes ferry pier"
    assert normalise(Article(text=BODY)).headline == ""


@pytest.mark.parametrize(
    ("text", "credit", "dateline"),
    [
        ("VELLMOUTH (Reuters) - ", "reuters", "VELLMOUTH"),
        ("VELLMOUTH, Norland (AP) _ ", "ap", "VELLMOUTH, Norland"),
        ("Vellmouth (dpa) - ", "dpa", "Vellmouth"),
        ("VELLMOUTH/PELLING — ", None, "VELLMOUTH/PELLING"),
        ("(CNN) ", "cnn", None),
        ("МОСКВА (ТАСС) - ", "tass", "МОСКВА"),
    ],
)
def test_datelines_are_read_and_set_apart(text: str, credit: str | None, dateline: str | None) -> None:
    """Place and agency of a dateline are read; the body begins behind it."""
    normal = normalise(Article(text=text + BODY, headline="Pier closed"))
    assert (normal.body, normal.credit, normal.dateline) == (BODY, credit, dateline)


@pytest.mark.parametrize(
    ("line", "credit"),
    [
        ("© 2031 AFP", "afp"),
        ("Source: Xinhua", "xinhua"),
        ("via Al Jazeera", "al jazeera"),
        ("Copyright 2031 The Associated Press. All rights reserved.", "ap"),
        ("Reuters", "reuters"),
    ],
)
def test_credits_are_read_from_the_end(line: str, credit: str) -> None:
    """An agency named in the last line is credited."""
    normal = normalise(Article(text=f"{BODY}\n{line}", headline="Pier closed"))
    assert (normal.body, normal.credit) == (BODY, credit)


def test_byline_and_date_are_read_from_the_head() -> None:
    """Lines of the head that hold only the author or the date are read and set apart."""
    normal = normalise(
        Article(text=f"By Ada Quill, Associated Press\nUpdated May 6, 2031 4:10 PM\n{BODY}", headline="x")
    )
    assert (normal.byline, normal.credit, normal.body) == ("Ada Quill, Associated Press", "ap", BODY)
    assert normal.published_at == datetime(2031, 5, 6, tzinfo=UTC)


def test_what_the_article_says_of_itself_comes_first() -> None:
    """Fields of the file outrank what its text seems to say."""
    at = datetime(2031, 5, 5, tzinfo=UTC)
    article = Article(text=f"2031-05-09\nPELLING (AP) - {BODY}", headline="x", credit="Reuters", published_at=at)
    normal = normalise(article)
    assert (normal.credit, normal.published_at, normal.dateline) == ("reuters", at, "PELLING")


def test_agency_names_have_one_form() -> None:
    """Names, abbreviations and domains of an agency are one; unknown names are kept in lower case."""
    assert {agency(n) for n in ("AP", "The Associated Press", "apnews.com", "Ada Quill, Associated Press")} == {"ap"}
    assert agency("Vellmouth Courier") == "vellmouth courier"
    assert agency(" ") is None


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("http://www.courier.example/pier?utm_source=x&id=7#top", "https://courier.example/pier?id=7"),
        ("https://m.courier.example/pier/amp/", "https://courier.example/pier"),
        ("https://amp.courier.example/pier.amp.html", "https://courier.example/pier.html"),
        ("https://courier.example:443/pier?p=2&a=1&fbclid=z", "https://courier.example/pier?a=1&p=2"),
        ("https://courier.example", "https://courier.example/"),
        ("urn:newsml:courier:1", "urn:newsml:courier:1"),
        ("http://[", "http://["),
    ],
)
def test_addresses_have_one_form(url: str, canonical: str) -> None:
    """Tracking, AMP and mobile forms of an address fall together; parameters that may be identity stay."""
    assert canonical_url(url) == canonical


@given(st.from_regex(r"https?://[a-zA-Z.]{1,12}(\.example)?[!-~]{0,3}(/amp|\.amp|/|[!-~]){0,9}", fullmatch=True))
def test_plain_addresses_have_the_form_that_all_have(url: str) -> None:
    """The short way for plain addresses gives what the long one does, which is taken for one with a space behind."""
    assert canonical_url(url) == canonical_url(f"{url} ")


@given(st.text())
def test_canonical_url_is_idempotent(url: str) -> None:
    """The canonical form of a canonical form is itself."""
    assert canonical_url(canonical_url(url)) == canonical_url(url)


@given(st.text(alphabet='By \n-—(AP)"©.|:/0123456789abcдж新 ', max_size=400), st.text(max_size=40))
def test_any_text_is_normalised(text: str, headline: str) -> None:
    """No text makes it fail, and nothing is put into the body that was not in the text."""
    normal = normalise(Article(text=text, headline=headline))
    assert all(line in text for line in normal.body.split("\n"))


def test_no_text_takes_long() -> None:
    """Lines made to make patterns backtrack cost no more than any other."""
    started = time.perf_counter()
    for line in ("By " + "A" * 5000, "By " + "Aa " * 30, "( " * 200, "© " * 150, "on " * 100, "A, " * 30, "-" * 400):
        normalise(Article(text=f"{line}\n{BODY}\n{line}", headline="x"))
    assert time.perf_counter() - started < 1
