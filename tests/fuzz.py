"""Fuzzing with Hypothesis: every parser, and what is made of the texts; so many seconds a target, the same every time.

`python -m tests.fuzz [SECONDS [TARGET…]]`. A target fails on an error that is none of newsfold's, on a text that is
not clean, or on an input that takes longer than `PATIENCE`. Finds are shrunk and printed; keep them as tests.
"""

# ruff: noqa: E501  (samples are read best unbroken)

import io
import signal
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests import hostile
from tests.parsing.test_agency_text import ANPA
from tests.parsing.test_tables_documents import docx, pdf
from tests.parsing.test_web import response
from worker.core.article import Article
from worker.core.errors import ParseError
from worker.core.evidence import compare
from worker.core.fingerprint import fingerprint
from worker.core.match import Profile, decide
from worker.core.normalise import canonical_url, normalise
from worker.parsing import FORMATS, parse, sniff
from worker.parsing.dates import parse_date
from worker.parsing.markup import to_text
from worker.parsing.sanitise import clean_text

ROOT = Path(__file__).parents[1]
PATIENCE = 5
ROUND = 200
"""Examples between two looks at the clock."""

TOKENS = [
    b"<", b">", b"&", b"\0", b'"', b"{", b"}", b"[", b"]", b",", b"\n\n", b"\xff\xfe", b"\xed\xa0\x80", b"<![CDATA[", b"]]>", b"<!--",
    b"<!DOCTYPE x [", b"<?xml encoding='utf-16'?>", b"&#0;", b"&#xd800;", b"\\ud800", b"\\u0000", b"99999999999999999999", b"-1",
    b"NaN", b"0000-00-00T99:99:99Z", b"From ", b"Content-Type: ", b"=?utf-8?b?", b"\x01", b"\x02", b"\x03", b"\x04", b"PK\x03\x04", b"\xcc\x81" * 20,
]  # fmt: skip
WORDS = [
    "storm", "Harbour", "7", "1,300", "March", "AP", "(AP)", "-", "—", "By Ann Bee", "© 2024", "All rights reserved.", "\n", "\u200b", "ſ", "ﬃ",
    "e\u0301\u0323", "港", "ไทย", "\u202e", "\ufdfa", "🌊", "http://a.example/b?c=d", "Reporting by", "|", "...", "READ MORE:", "\U000e0041", "½",
]  # fmt: skip

texts = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(st.sampled_from(WORDS), st.text(max_size=8)), max_size=120).map(" ".join),
    st.tuples(st.sampled_from(WORDS), st.integers(1, 3000)).map(lambda pair: (pair[0] + " ") * pair[1]),
)


def samples() -> dict[str, list[bytes]]:
    """Files of each format: the examples, the parsers' own, and bad ones that are small."""
    files = [path for folder in ("examples", "tests/parsing/data") for path in sorted((ROOT / folder).rglob("*"))]
    contents = [path.read_bytes() for path in files if path.is_file()]
    contents += [
        hostile.gzip.compress(hostile.good(1)),
        hostile.zipped(("a.json", hostile.good(2)), ("b.txt", b"some words")),
    ]
    contents += [hostile.tarred(("a.json", hostile.good(3), hostile.tarfile.REGTYPE)), hostile.attached(b"x").encode()]
    contents += [
        hostile.lines(*(hostile.article(n) for n in range(3))).encode(),
        hostile.page(1).encode(),
        b"[" + hostile.good(4) + b"]",
    ]
    contents += [hostile.RSS.format(hostile.item(1)).encode(), f"title,text\nA,{hostile.report(1)}\n".encode()]
    contents += others()
    found: dict[str, list[bytes]] = {}
    for content in contents:
        format_ = sniff(io.BytesIO(content))
        if format_ and len(content) < 50_000:
            found.setdefault(format_.name, []).append(content)
    return found


def others() -> list[bytes]:
    """Files of the formats that the folders have no sample of."""
    import pyarrow
    import pyarrow.parquet

    try:
        from compression import zstd
    except ImportError:
        from backports import zstd
    table = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"title": ["A harbour"], "text": [hostile.report(5)]}), table)
    paragraph = "<w:p><w:r><w:t>The bridge reopened.</w:t></w:r></w:p>"
    mail = hostile.attached(b"x").encode()
    page = hostile.page(2).encode()
    mhtml = b"From: a\nSnapshot-Content-Location: https://wick.example/\nMIME-Version: 1.0\n" + (
        b"Content-Type: multipart/related; type=text/html; boundary=b\n\n--b\nContent-Type: text/html\n\n"
        + page
        + b"\n--b--\n"
    )
    post = hostile.item(7, "<wp:post_type>post</wp:post_type><wp:status>publish</wp:status>")
    wxr = hostile.RSS.format(post).replace("<rss", "<rss xmlns:wp='http://wordpress.org/export/1.2/'")
    news = "<RBNews><NewsID>n1</NewsID><headline>Broen</headline><content>&lt;p&gt;Broen.&lt;/p&gt;</content></RBNews>"
    sitemap = "<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><url><loc>https://wick.example/1</loc></url></urlset>"
    return [
        zstd.compress(hostile.good(6)),
        docx(paragraph * 3),
        table.getvalue(),
        ANPA,
        response(page, "text/html") * 2,
        pdf(["The bridge", "reopened."]),
        f"<XMLNewsQueuedResponse>{news * 2}</XMLNewsQueuedResponse>".encode(),
        wxr.encode(),
        sitemap.encode(),
        b"From a@example.org Mon Mar  4 10:00:00 2024\n"
        + mail
        + b"\nFrom b@example.org Mon Mar  4 10:00:00 2024\n"
        + mail,
        mhtml,
    ]


@st.composite
def damaged(draw: st.DrawFn, whole: list[bytes]) -> bytes:
    """A file with some of it cut out, doubled, put elsewhere or replaced."""
    data = draw(st.sampled_from(whole))
    for _ in range(draw(st.integers(1, 6))):
        at, until = sorted(draw(st.integers(0, len(data))) for _ in range(2))
        kind = draw(st.sampled_from(("cut", "double", "token", "bytes", "flood", "splice", "truncate")))
        piece = {
            "cut": lambda: b"",
            "double": lambda at=at, until=until, data=data: data[at:until][:2000] * 2,
            "token": lambda: draw(st.sampled_from(TOKENS)),
            "bytes": lambda: draw(st.binary(max_size=20)),
            "flood": lambda: draw(st.sampled_from(TOKENS)) * draw(st.integers(2, 2000)),
            "splice": lambda: draw(st.sampled_from(whole))[:2000],
            "truncate": lambda: b"",
        }[kind]()
        data = (
            data[:at] + piece
            if kind == "truncate"
            else data[:at] + piece + data[until if kind in ("cut", "double") else at :]
        )
    return data


def parses(data: bytes) -> None:
    try:
        for found in parse(io.BytesIO(data), "fuzz"):
            if isinstance(found, Article):
                assert found.text
                assert clean_text(found.text) == found.text
                normal = normalise(found)
                fingerprint(normal.headline, normal.body)
            else:
                assert found.reason
    except ParseError:
        pass


def normalises(headline: str, body: str) -> None:
    article = Article(text=clean_text(body), headline=" ".join(clean_text(headline).split()))
    assert normalise(article) == normalise(article)


def fingerprints(headline: str, body: str) -> None:
    found = fingerprint(headline, body)
    assert 0 <= found.headline_words <= len(found.words)
    assert len(set(found.keys.tolist())) == len(found.keys)


def compares(one: str, two: str) -> None:
    a, b = fingerprint("", one), fingerprint("", two)
    evidence, mirrored = (compare(x.words, x.headline_words, y.words, y.headline_words) for x, y in ((a, b), (b, a)))
    assert (evidence.jaccard, evidence.containment_a) == (mirrored.jaccard, mirrored.containment_b)
    assert 0 <= evidence.jaccard <= 1
    decision = decide(evidence, Profile(), Profile())
    assert decision.relation == decide(mirrored, Profile(), Profile()).relation


Target = tuple[Callable[..., Any], tuple[st.SearchStrategy[Any], ...]]


def targets() -> dict[str, Target]:
    """Every target by name: what is called, and with what."""
    by_format = samples()
    anything = [content for contents in by_format.values() for content in contents]
    found: dict[str, Target] = {
        f"parse-{format_.name}": (parses, (damaged(by_format.get(format_.name, anything)),)) for format_ in FORMATS
    }
    dates = st.one_of(st.text(max_size=40), st.integers(), st.floats(), st.lists(st.text(max_size=5), max_size=3))
    return found | {
        "dates": (parse_date, (dates,)),
        "markup": (to_text, (texts,)),
        "urls": (canonical_url, (st.one_of(texts, st.from_regex(r"https?://[^\n]{0,60}")),)),
        "normalise": (normalises, (texts, texts)),
        "fingerprint": (fingerprints, (texts, texts)),
        "match": (compares, (texts, texts)),
    }


def main(arguments: list[str]) -> int:
    """Run the targets; return 1 if one of them found something."""
    seconds, wanted = float(arguments[0]) if arguments else 60.0, arguments[1:]
    signal.signal(signal.SIGALRM, too_slow)
    chosen = {name: target for name, target in targets().items() if not wanted or name in wanted}
    found = [name for name, target in chosen.items() if not fuzz(name, target, seconds)]
    return 1 if found else 0


def too_slow(*_: object) -> None:
    """End an example that takes too long."""
    raise TimeoutError(f"longer than {PATIENCE} s")


def fuzz(name: str, target: Target, seconds: float) -> bool:
    """Run one target in rounds, each with the next seed, until its time is up."""
    function, strategies = target

    def watched(values: tuple[Any, ...]) -> None:
        signal.alarm(PATIENCE)
        try:
            function(*values)
        finally:
            signal.alarm(0)

    limits = settings(
        max_examples=ROUND, database=None, deadline=None, suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )  # fmt: skip
    end, rounds = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            seed(rounds)(limits(given(st.tuples(*strategies))(watched)))()
        except Exception as error:
            notes = "\n".join(getattr(error, "__notes__", ()))
            print(f"{name}: round {rounds} found {type(error).__name__}: {error}\n{notes[:2000]}", flush=True)
            traceback.print_exc(limit=-4)
            return False
        rounds += 1
    print(f"{name}: {rounds * ROUND:,} inputs, nothing found", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
