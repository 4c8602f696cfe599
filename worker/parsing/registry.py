"""The one list of formats newsfold reads. A new format: one module in `formats/`, one line here.

JSON records have shapes of their own, listed in `worker.parsing.shapes`.
"""

from worker.parsing.format import Format
from worker.parsing.formats import anpa_1312, gzip, html, iptc_7901, json_document, jsonl, newsml_1, newsml_g2, nitf, ritzau, rss, tar, text
from worker.parsing.source import Source

FORMATS: tuple[Format, ...] = (
    gzip.FORMAT,
    tar.FORMAT,
    anpa_1312.FORMAT,
    iptc_7901.FORMAT,
    newsml_g2.FORMAT,
    newsml_1.FORMAT,
    nitf.FORMAT,
    ritzau.FORMAT,
    rss.FORMAT,
    html.FORMAT,
    jsonl.FORMAT,
    json_document.FORMAT,
    text.FORMAT,
)
"""In the order in which they are asked: the first that matches reads the file."""


def find(source: Source) -> Format | None:
    """The format of this content, or None if it is none that newsfold reads."""
    return next((format_ for format_ in FORMATS if format_.matches(source)), None)
