"""Containers: members are read in their own right, within limits, and nothing is written to disk."""

import gzip
import io
import tarfile
import zipfile

import pytest

from worker.core.article import Article, Rejected
from worker.core.errors import ParseError
from worker.parsing import limits, parse

ARTICLE = b'{"title": "Bridge reopens", "text": "The bridge reopened."}'


def zipped(members: dict[str, bytes], **options) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(members: dict[str, bytes | None]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            if data is None:
                info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            else:
                info.size = len(data)
            archive.addfile(info, io.BytesIO(data or b""))
    return out.getvalue()


def until_failure(data: bytes, name: str = "file"):
    """What came before the failure, and the failure."""
    found = []
    try:
        for item in parse(io.BytesIO(data), name):
            found.append(item)  # noqa: PERF402  (what came before the error is wanted)
    except ParseError as error:
        return found, str(error)
    raise AssertionError("it did not fail")


def test_gzip_of_several_members_with_padding(read):
    data = gzip.compress(ARTICLE + b"\n") + b"\0" * 100 + gzip.compress(ARTICLE + b"\n") + b"\0" * 7
    assert [item.headline for item in read(data)] == ["Bridge reopens"] * 2


def test_positions_in_a_compressed_file_are_those_of_the_file(read):
    assert read(gzip.compress(ARTICLE + b"\nnot json\n" + ARTICLE))[1].position == "line 2"


def test_zstandard(read):
    zstd = pytest.importorskip("backports.zstd")
    data = zstd.compress(ARTICLE + b"\n") + zstd.compress(ARTICLE + b"\n")
    assert [name for name, _ in read(data, formats=True)] == ["zstd/jsonl/record"] * 2


def test_members_of_a_zip_are_read_by_content_and_named_where_they_fail(read):
    members = {
        "a/b.txt": ARTICLE, "p.jpg": b"\xff\xd8\xff\xe0", "../../etc/x": b"Title\n\nText.", "empty": b"",
        "l.jsonl": ARTICLE + b"\n{bad\n", "__MACOSX/._a": b"x", "dir/": b"",
    }  # fmt: skip
    pairs = read(zipped(members), "news.zip", formats=True)
    assert [item for _, item in pairs if isinstance(item, Rejected)] == [
        Rejected("news.zip!p.jpg", "a JPEG picture, no text"),
        Rejected("news.zip!empty", "empty file"),
        Rejected(
            "news.zip!l.jsonl line 2",
            "no valid JSON: Expecting property name enclosed in double quotes at line 1, column 2",
        ),
    ]
    assert [name for name, item in pairs if isinstance(item, Article)] == [
        "zip/json/record",
        "zip/text",
        "zip/jsonl/record",
    ]


def test_an_encrypted_member_is_named(read):
    data = bytearray(zipped({"a.json": ARTICLE, "b.json": ARTICLE}))
    for signature, flags in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        data[data.index(signature) + flags] |= 1
    items = read(bytes(data), "n.zip")
    assert items[0] == Rejected("n.zip!a.json", "encrypted; drop it without a password")
    assert items[1].headline == "Bridge reopens"


def test_tar_and_compressed_tar(read):
    data = tarred({"a.json": ARTICLE, "link": None, "b.txt": b"Title\n\nText."})
    for packed, name in ((data, "n.tar"), (gzip.compress(data), "n.tar.gz")):
        items = read(packed, name)
        assert [item.headline for item in items if isinstance(item, Article)] == ["Bridge reopens", "Title"]
        assert items[1] == Rejected("n.tar!link", "a link, device or sparse file")


def test_a_compressed_tar_counts_as_one_container(read):
    inner = gzip.compress(ARTICLE)
    assert read(gzip.compress(tarred({"a.json.gz": inner})))[0].headline == "Bridge reopens"


@pytest.mark.parametrize("cut", [1, 8, 30])
def test_a_truncated_gzip_fails_after_what_could_be_read(cut):
    found, reason = until_failure(gzip.compress(ARTICLE + b"\n" + ARTICLE + b"\n")[:-cut])
    assert "cut off" in reason
    assert all(isinstance(item, Article) for item in found)


def test_bombs_end_at_the_ratio():
    _, reason = until_failure(gzip.compress(b'{"text": "' + b"a" * 50_000_000))
    assert "more than 100 times" in reason
    _, reason = until_failure(zipped({"a.json": b'{"text": "' + b"a" * 50_000_000}))
    assert "more than 100 times" in reason


def test_the_total_is_limited_over_all_members(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TOTAL_BYTES", 200)
    found, reason = until_failure(zipped({f"{n}.json": ARTICLE for n in range(9)}))
    assert [item.headline for item in found] == ["Bridge reopens"] * 3
    assert "more than 200 bytes" in reason


def test_members_and_depth_are_limited(monkeypatch):
    deep = zipped({"a.zip": zipped({"b.zip": zipped({"c.json": ARTICLE})})})
    assert "nested more than 2 deep" in until_failure(deep)[1]
    monkeypatch.setattr(limits, "MAX_MEMBERS", 2)
    found, reason = until_failure(tarred({f"{n}.json": ARTICLE for n in range(5)}))
    assert len(found) == 2
    assert "more than 2 members" in reason


def test_a_stream_that_cannot_seek_is_read_too(read):
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes):
            self.data = io.BytesIO(data)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer) -> int:
            chunk = self.data.read(min(len(buffer), 1000))
            buffer[: len(chunk)] = chunk
            return len(chunk)

    assert next(parse(Pipe(zipped({"a.json": ARTICLE})), "pipe")).headline == "Bridge reopens"
