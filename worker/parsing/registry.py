"""The one list of formats newsfold reads. A new format: one module in `formats/`, one line here.

JSON records have shapes of their own, listed in `worker.parsing.shapes`.
"""

from worker.parsing.format import Format
from worker.parsing.formats import (
    anpa_1312,
    compressed,
    csv_table,
    docx,
    html,
    iptc_7901,
    json_document,
    jsonl,
    mail,
    news_sitemap,
    newsml_1,
    newsml_g2,
    nitf,
    parquet,
    pdf,
    ritzau,
    rss,
    tar,
    text,
    warc,
    wxr,
    zip,  # noqa: A004  (the format's name)
)
from worker.parsing.source import Source

FORMATS: tuple[Format, ...] = (
    # Told by magic bytes, certain.
    compressed.GZIP,
    compressed.ZSTD,
    docx.FORMAT,
    zip.FORMAT,
    parquet.FORMAT,
    tar.FORMAT,
    anpa_1312.FORMAT,
    iptc_7901.FORMAT,
    warc.FORMAT,
    pdf.FORMAT,
    # Told by their root element.
    newsml_g2.FORMAT,
    newsml_1.FORMAT,
    nitf.FORMAT,
    ritzau.FORMAT,
    wxr.FORMAT,
    rss.FORMAT,
    news_sitemap.FORMAT,
    # Told by their first lines.
    mail.MBOX,
    mail.MHTML,
    mail.MAIL,
    html.FORMAT,
    jsonl.FORMAT,
    json_document.FORMAT,
    csv_table.FORMAT,
    # What is left.
    text.FORMAT,
)
"""In the order in which they are asked: the first that matches reads the file."""


def find(source: Source) -> Format | None:
    """The format of this content, or None if it is none that newsfold reads."""
    return next((format_ for format_ in FORMATS if format_.matches(source)), None)
