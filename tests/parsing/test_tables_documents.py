"""Tables (CSV, Parquet), documents (PDF, DOCX) and plain text."""
# ruff: noqa: E501  (samples of formats are read best unbroken)

import io
import zipfile
from datetime import UTC, datetime

import pytest

from worker.core.article import Rejected
from worker.core.errors import ParseError


def test_csv_by_its_header_whatever_the_delimiter(read):
    for delimiter in ",;\t|":
        data = f'id{delimiter}title{delimiter}text{delimiter}date{delimiter}mood\n1{delimiter}T{delimiter}"The, text;\nis | long"{delimiter}2024-03-05{delimiter}x\n'
        ((name, item),) = read(data.encode(), formats=True)
        assert (name, item.text, item.headline) == ("csv/record", "The, text;\nis | long", "T")
        assert item.published_at == datetime(2024, 3, 5, tzinfo=UTC)
        assert item.metadata["mood"] == "x"


def test_csv_rows_that_do_not_fit_are_rejected(read):
    items = read(b"title,text\nA,one\nB,\nC,x,y\n")
    assert items[1:] == [Rejected("row 3", "no text"), Rejected("row 4", "3 fields where the header names 2")]


def test_a_text_with_commas_is_no_csv(read):
    assert read(b"Bridge, ferry and port\n\nThe text, as such, is plain.", formats=True)[0][0] == "text"


def test_parquet(read):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    out = io.BytesIO()
    table = pyarrow.table(
        {"title": ["A", "B"], "text": ["one", None], "published": [datetime(2024, 3, 5, 9, tzinfo=UTC), None]}
    )
    parquet.write_table(table, out)
    first, second = read(out.getvalue())
    assert (first.headline, first.text, first.published_at) == ("A", "one", datetime(2024, 3, 5, 9, tzinfo=UTC))
    assert second == Rejected("row 2", "no text")
    with pytest.raises(ParseError, match="broken parquet"):
        read(out.getvalue()[:-20])


def docx(body: str, **parts: str) -> bytes:
    out = io.BytesIO()
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", f'<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>')
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def test_docx(read):
    body = (
        '<w:p><w:r><w:t>PRESS RELEASE</w:t></w:r></w:p><w:p><w:pPr><w:pStyle w:val="Heading1"/></w:pPr><w:r><w:t>Bridge reopens</w:t></w:r></w:p>'
        "<w:p><w:r><w:t>The bridge </w:t></w:r><w:r><w:t>reopened.</w:t><w:delText>gone</w:delText></w:r></w:p><w:p/>"
    )
    core = (
        '<c:coreProperties xmlns:c="x" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:t="http://purl.org/dc/terms/">'
        "<dc:creator>Ada Quill</dc:creator><t:created>2024-03-05T09:00:00Z</t:created></c:coreProperties>"
    )
    ((name, item),) = read(docx(body, **{"docProps/core.xml": core}), formats=True)
    assert (name, item.headline, item.text) == ("docx", "Bridge reopens", "PRESS RELEASE\nThe bridge reopened.")
    assert (item.byline, item.published_at) == ("Ada Quill", datetime(2024, 3, 5, 9, tzinfo=UTC))


def test_other_office_files_say_what_to_do(read):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("xl/workbook.xml", "<workbook/>")
    with pytest.raises(ParseError, match="Excel workbook; save it as CSV"):
        read(out.getvalue())


def pdf(lines: list[str]) -> bytes:
    """A one-page PDF with these lines."""
    drawn = "BT /F1 12 Tf 72 700 Td 14 TL " + " ".join(f"({line}) Tj T*" for line in lines) + " ET"
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        "<</Type/Pages/Kids[3 0 R]/Count 1>>",
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
        "<</Title(x)/Author(Ada Quill)/CreationDate(D:20240305100000+01'00')>>",
    ]
    out, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj{content}endobj\n".encode()
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    return (
        out
        + f"xref\n0 7\n0000000000 65535 f \n{table}trailer<</Size 7/Root 1 0 R/Info 6 0 R>>\nstartxref\n{len(out)}\n%%EOF".encode()
    )


def test_pdf(read):
    pytest.importorskip("pypdfium2")
    ((name, item),) = read(pdf(["Bridge reopens", "The bridge reopened.", "Traffic was light."]), formats=True)
    assert (name, item.headline, item.text) == ("pdf", "Bridge reopens", "The bridge reopened.\nTraffic was light.")
    assert (item.byline, item.published_at) == ("Ada Quill", datetime(2024, 3, 5, 9, tzinfo=UTC))


def test_a_pdf_without_text_layer_is_rejected_and_a_broken_one_fails(read):
    pytest.importorskip("pypdfium2")
    assert read(pdf([])) == [Rejected("record 1", "no text: the PDF has no text layer (a scan?)")]
    with pytest.raises(ParseError, match="broken PDF"):
        read(b"%PDF-1.4\nnothing")


@pytest.mark.parametrize(
    ("data", "headline", "text"),
    [
        (
            b"Bridge reopens\n\nThe bridge reopened.\r\nTraffic was light.\n",
            "Bridge reopens",
            "The bridge reopened.\nTraffic was light.",
        ),
        (b"Just one line.", "", "Just one line."),
        (b"word " * 100 + b"\nNext.", "", ("word " * 100 + "\nNext.")),
        ("\ufeffÜber\n\nText".encode(), "Über", "Text"),
    ],
)
def test_plain_text_has_its_headline_first(read, data, headline, text):
    (item,) = read(data)
    assert (item.headline, item.text) == (headline, text)
