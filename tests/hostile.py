"""Bad input, a hundred and more kinds of it, each with the one outcome it has.

`python -m tests.hostile` runs every kind on both databases beside a thousand good files and prints the table that
stands in docs/security.md. Files are made as they are needed; nothing here is ever opened but by newsfold.
"""

# ruff: noqa: E501  (a table, read best with one kind a line)

import base64
import gzip
import hashlib
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from tests.conduct import TOWNS, opened, report, rows
from tests.servers import PostgresServer, create_database
from worker.inbox import printable
from worker.pipeline import Outcome, describe

SECONDS, MEGABYTES = 10.0, 512
"""What one bad file may cost."""

BODY = report(7001, 60)
STORED, DUPLICATE = "stored", "duplicate"

Make = Callable[[Path], Path]


@dataclass(frozen=True, slots=True)
class Case:
    """One kind of bad input. `outcome` is `stored`, `duplicate`, `rejected: why` or `failed: why`."""

    family: str
    name: str
    make: Make
    """Writes the file into a folder and returns its path."""
    outcome: str
    holds: str = ""
    """What one of the stored texts must contain: stored, and not by half."""
    stories: int | None = None
    """How many stories its articles make."""


CASES: list[Case] = []


@dataclass(frozen=True, slots=True)
class Special:
    """A file that is made otherwise than by writing bytes."""

    make: Make


def case(
    family: str,
    name: str,
    content: bytes | str | Callable[[], bytes | str] | Special,
    outcome: str,
    *,
    file: str = "file",
    holds: str = "",
    stories: int | None = None,
) -> None:
    """Enter a kind. `content` is what the file holds, or makes the file; `file` is its name."""

    def make(folder: Path) -> Path:
        if isinstance(content, Special):
            return content.make(folder)
        made = content() if callable(content) else content
        path = Path(os.fsdecode(os.fsencode(folder) + b"/" + os.fsencode(file)))
        path.write_bytes(made.encode() if isinstance(made, str) else made)
        return path

    CASES.append(Case(family, name, make, outcome, holds, stories))


def record(text: str = BODY, **fields: Any) -> str:
    """A JSON record on one line."""
    return json.dumps({"id": "h1", "title": "A harbour report", "text": text, **fields})


def lines(*records: str) -> str:
    """A JSONL file."""
    return "".join(f"{one}\n" for one in records)


def article(number: int, **fields: Any) -> str:
    """A good record of its own."""
    return json.dumps({"id": f"g{number}", "title": f"Report {number}", "text": report(number), **fields})


# --- files --------------------------------------------------------------------------------------------------------


def special(create: Callable[[Path], object], name: str = "special") -> Special:
    """A path that is no regular file."""

    def make(folder: Path) -> Path:
        path = folder / name
        create(path)
        return path

    return Special(make)


def deep(folder: Path) -> Path:
    """A path of 3,500 bytes that will not compress."""
    here = os.open(folder, os.O_DIRECTORY)
    parts = [
        hashlib.blake2b(bytes([level])).hexdigest() + hashlib.blake2b(bytes([level, 1])).hexdigest()[:100]
        for level in range(15)
    ]
    for part in parts:
        os.mkdir(part, dir_fd=here)
        inner = os.open(part, os.O_DIRECTORY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    path = folder.joinpath(*parts, "file")
    path.write_text(record(report(7008)))
    return path


def unix_socket(path: Path) -> None:
    """A socket in the file system."""
    here = Path.cwd()
    os.chdir(path.parent)  # the whole path may be longer than a socket's address
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


def sparse(path: Path) -> None:
    """64 MB of holes."""
    with path.open("wb") as file:
        file.truncate(1 << 26)


def link(target: str) -> Callable[[Path], object]:
    """A symbolic link."""
    return lambda path: path.symlink_to(target)


FILES = "files"
BINARY = "binary data in no format that newsfold reads"
case(FILES, "an empty file", b"", "failed: file: empty file")
case(FILES, "one NUL", b"\0", f"failed: file: {BINARY}")
case(FILES, "a symbolic link to /etc/passwd", special(link("/etc/passwd")), "failed: cannot be read: Too many levels of symbolic links")  # fmt: skip
case(FILES, "a symbolic link to itself", special(link("special"), "special"), "failed: cannot be read: Too many levels of symbolic links")  # fmt: skip
case(FILES, "a FIFO nobody writes to", special(os.mkfifo, "fifo"), "failed: not a regular file")
case(FILES, "a socket", special(unix_socket, "socket"), "failed: cannot be read: No such device or address")
case(FILES, "an endless device", Special(lambda _: Path("/dev/zero")), "failed: not a regular file")
case(FILES, "a sparse file of 64 MB", special(sparse, "sparse"), f"failed: sparse: {BINARY}")
case(FILES, "a name that is no UTF-8", record(report(7002)), STORED, file=os.fsdecode(b"caf\xe9 \xff.json"))
case(FILES, "a name of 255 bytes", record(report(7003)), STORED, file="n" * 250 + ".json")
case(FILES, "a name with a newline and a leading dash", record(report(7004)), STORED, file="-rf\n*.json")
case(FILES, "a name that climbs", record(report(7005)), STORED, file="..%2f..%2fetc")
case(FILES, "a name that is a terminal's command", record(report(7006)), STORED, file="\x1b[2J\x1b]0;x\x07.json")
case(FILES, "a path of 3,500 bytes", Special(deep), STORED)
case(FILES, "a suffix that lies", record(report(7007)), STORED, file="picture.jpeg")
case(FILES, "a picture", b"\xff\xd8\xff\xe0" + bytes(500), "failed: file: a JPEG picture, no text")
case(FILES, "a program", b"\x7fELF" + bytes(500), "failed: file: a program")
case(FILES, "random bytes", bytes(range(256)) * 40, f"failed: file: {BINARY}")
case(FILES, "a text over 64 MB", lambda: b"word " * 13_500_000, "failed: file: larger than 67,108,864 bytes, the most one document may have")  # fmt: skip
case(FILES, "a JSON array cut off while being copied", "[" + ",".join(article(n) for n in range(6000, 6400)) + ',{"id": 1', "failed: file: the JSON array is cut off", holds=report(6000)[:40])  # fmt: skip
case(FILES, "the same records again", lines(*(article(n) for n in range(5))), DUPLICATE)

# --- archives -----------------------------------------------------------------------------------------------------


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def tarred(*members: tuple[str, bytes, bytes]) -> bytes:
    """A tar of (name, content, type)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data, kind in members:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.linkname = kind, len(data), "/etc/passwd"
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def good(number: int) -> bytes:
    """The bytes of a good file."""
    return article(number).encode()


def gzip_bomb(size: int) -> bytes:
    """One word for ever, some 400 to 1."""
    squeeze = zlib.compressobj(9, wbits=31)
    parts = [squeeze.compress(b"news " * 200_000) for _ in range(size >> 20)]
    return b"".join([*parts, squeeze.flush()])


def overlapping_zip(copies: int) -> bytes:
    """A thousand directory entries for one member (D. Fifield, "A better zip bomb", 2019)."""
    data = zipped(("member", b"news " * 40_000))
    end = data.rindex(b"PK\x05\x06")
    start = struct.unpack("<I", data[end + 16 : end + 20])[0]
    entry = data[start:end]
    tail = bytearray(data[end:])
    struct.pack_into("<HHI", tail, 8, copies, copies, len(entry) * copies)
    return data[:start] + entry * copies + bytes(tail)


def patched_zip(data: bytes, local: int, central: int, value: bytes) -> bytes:
    """A zip of one member with bytes put into its local header and its directory entry."""
    out = bytearray(data)
    out[local : local + len(value)] = value
    start = out.rindex(b"PK\x01\x02") + central
    out[start : start + len(value)] = value
    return bytes(out)


def pax_bomb() -> bytes:
    """A tar whose extended header says that it is 8 GB long."""
    info = tarfile.TarInfo("./PaxHeaders/x")
    info.type, info.size = tarfile.XHDTYPE, 8 << 30
    return info.tobuf(tarfile.GNU_FORMAT) + b"30 path=" + bytes(100_000)


def zstd_frame(window: int) -> bytes:
    """The head of a Zstandard frame that asks for a window of this size (as an exponent)."""
    return b"\x28\xb5\x2f\xfd" + bytes([0, (window - 10) << 3]) + b"\x01\x00\x00" + bytes(100)


def nested_zip(levels: int, data: bytes) -> bytes:
    """A zip in a zip in a zip."""
    for _ in range(levels):
        data = zipped(("inner.zip", data))
    return data


ARCHIVES = "archives"
NESTED = "containers nested more than 2 deep"
case(ARCHIVES, "a gzip of 64 MB", lambda: gzip_bomb(1 << 26), "failed: file: unpacks to more than 100 times its size")  # fmt: skip
case(ARCHIVES, "a gzip of a gzip of a gzip", gzip.compress(gzip.compress(gzip.compress(good(7101)))), f"failed: file: {NESTED}")  # fmt: skip
case(ARCHIVES, "a gzip cut off", gzip.compress(BODY.encode() * 50)[:-200], "failed: file: the compressed data is cut off")  # fmt: skip
case(ARCHIVES, "a gzip with junk behind it", gzip.compress(good(7102)) + b"junk" * 100, STORED)
case(ARCHIVES, "a gzip with a wrong checksum", gzip.compress(good(7103))[:-8] + bytes(8), "failed: file: broken gzip: the compressed data is damaged")  # fmt: skip
case(ARCHIVES, "Zstandard that asks for terabytes", zstd_frame(41), "failed: file: broken zstd: unexpected ZstdError")  # fmt: skip
case(ARCHIVES, "a zip with a member of 64 MB", lambda: zipped(("bomb.txt", b"news " * 13_000_000)), "failed: file: unpacks to more than 100 times its size")  # fmt: skip
case(
    ARCHIVES,
    "a zip whose 2,000 members are one",
    lambda: overlapping_zip(2000),
    "failed: file: unpacks to more than 100 times its size",
)
case(ARCHIVES, "a zip in a zip in a zip", nested_zip(3, good(7104)), f"failed: file!inner.zip!inner.zip: {NESTED}")  # fmt: skip
case(ARCHIVES, "a zip of 10,001 members", lambda: zipped(*((f"{n}.txt", b"x") for n in range(10_001))), "failed: file: more than 10,000 members")  # fmt: skip
case(ARCHIVES, "a zip with an encrypted member", patched_zip(zipped(("secret.json", good(7105))), 6, 8, b"\1\0"), "failed: no article in it: encrypted; drop it without a password")  # fmt: skip
case(ARCHIVES, "a zip with an unknown compression", patched_zip(zipped(("odd.json", good(7106))), 8, 10, b"\x63\0"), "failed: no article in it: compressed in a way that newsfold does not read")  # fmt: skip
case(
    ARCHIVES,
    "a zip with a wrong checksum",
    patched_zip(zipped(("odd.json", good(7107))), 14, 16, b"\1\2\3\4"),
    "failed: no article in it: broken member",
)
case(
    ARCHIVES, "a zip cut off", zipped(("a.json", good(7108)))[:-30], "failed: file: broken zip: File is not a zip file"
)
case(ARCHIVES, "a zip whose members climb out", zipped(("../../../tmp/newsfold-evil.json", good(7109)), ("/etc/newsfold-evil.json", good(7110))), STORED)  # fmt: skip
case(ARCHIVES, "a zip with one broken member among good ones", zipped(("a.json", good(7111)), ("b.json", b'{"text": '), ("c.json", good(7112))), "rejected: broken json: no valid JSON: Expecting value at line 1, column 10")  # fmt: skip
case(ARCHIVES, "a tar whose members climb out", tarred(("../../../tmp/newsfold-evil.json", good(7113), tarfile.REGTYPE)), STORED)  # fmt: skip
case(ARCHIVES, "a tar with links and devices", tarred(("a", b"", tarfile.SYMTYPE), ("b", b"", tarfile.LNKTYPE), ("c", b"", tarfile.CHRTYPE), ("d.json", good(7114), tarfile.REGTYPE)), "rejected: a link, device or sparse file")  # fmt: skip
case(ARCHIVES, "a tar cut off", tarred(("a.json", good(7115), tarfile.REGTYPE), ("b.json", good(7116) * 20, tarfile.REGTYPE))[:4000], "failed: file: the tar is cut off or damaged")  # fmt: skip
case(ARCHIVES, "a tar with an extended header of 8 GB", pax_bomb(), "failed: file: the tar is cut off or damaged")
case(ARCHIVES, "a tar that claims exabytes", lambda: tarred(("a.json", good(7117), tarfile.REGTYPE)).replace(b"0000000", b"7777777", 1), "failed: file: the tar is cut off or damaged")  # fmt: skip
case(ARCHIVES, "a DOCX whose text is a bomb", lambda: zipped(("[Content_Types].xml", b"<a/>"), ("word/document.xml", b"<document>" + b" " * (1 << 26) + b"</document>")), "failed: file: unpacks to more than 100 times its size")  # fmt: skip
case(
    ARCHIVES,
    "a Parquet file of nothing",
    b"PAR1" + bytes(100) + b"PAR1",
    "failed: file: broken parquet: OSError after row 0",
)
case(ARCHIVES, "a PDF of nothing", b"%PDF-1.7\n" + b"1 0 obj <</Length 99999999>> stream\n" * 50, "failed: file: a broken PDF")  # fmt: skip
case(ARCHIVES, "a WARC cut off", b"WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99999999\r\n\r\nHTTP/1.1 200 OK\r\n", "failed: file: the WARC is cut off after record 1")  # fmt: skip

# --- XML and feeds ------------------------------------------------------------------------------------------------

NITF = "<nitf><head><title>{}</title></head><body><body.content>{}</body.content></body></nitf>"
RSS = "<rss version='2.0'><channel><title>Feed</title>{}</channel></rss>"


def item(number: int, extra: str = "") -> str:
    """A good item of a feed."""
    return f"<item><title>Report {number}</title><guid>i{number}</guid><description>{report(number)}</description>{extra}</item>"


def laughs() -> str:
    """The billion laughs."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))
    return f"<?xml version='1.0'?><!DOCTYPE nitf [{entities}]>" + NITF.format("x", "<p>&l9;</p>")


XML = "XML and feeds"
ENTITIES = "XML that declares entities, which newsfold does not expand"
case(XML, "a billion laughs", laughs, f"failed: file: {ENTITIES}")
case(XML, "an entity of 1 MB, used 1,000 times", lambda: f"<?xml version='1.0'?><!DOCTYPE nitf [<!ENTITY a '{'a' * 1_000_000}'>]>" + NITF.format("x", "&a;" * 1000), "failed: file: XML in no format that newsfold reads")  # fmt: skip
case(XML, "an entity that is /etc/passwd", "<?xml version='1.0'?><!DOCTYPE nitf [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + NITF.format("x", "&x;"), f"failed: file: {ENTITIES}")  # fmt: skip
case(XML, "a DTD from the network", "<?xml version='1.0'?><!DOCTYPE nitf SYSTEM 'http://127.0.0.1:9/nitf.dtd'>" + NITF.format("A headline", f"<p>{report(7201)}</p>"), STORED)  # fmt: skip
case(XML, "a parameter entity from the network", "<?xml version='1.0'?><!DOCTYPE nitf [<!ENTITY % d SYSTEM 'http://127.0.0.1:9/x'>%d;]>" + NITF.format("A headline", f"<p>{report(7202)}</p>"), STORED)  # fmt: skip
case(XML, "an XInclude of /etc/passwd", NITF.format("A headline", f"<p>{report(7203)}</p><xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='file:///etc/passwd' parse='text'/>"), STORED)  # fmt: skip
case(
    XML,
    "elements nested 300 deep",
    NITF.format("x", "<p>" * 300 + BODY + "</p>" * 300),
    "failed: file: XML nested too deep at line 1",
)
case(
    XML,
    "elements nested 100,000 deep",
    NITF.format("x", "<a>" * 100_000),
    "failed: file: XML nested too deep at line 1",
)
case(XML, "an element of 50,000 attributes", lambda: NITF.format("A headline", "<p " + " ".join(f"a{n}='x'" for n in range(50_000)) + f">{report(7204)}</p>"), STORED)  # fmt: skip
case(
    XML,
    "an attribute of 20 MB",
    lambda: NITF.format("x", f"<p a='{'x' * 20_000_000}'>{BODY}</p>"),
    "failed: file: no well-formed XML …",
)
case(XML, "50,000 namespaces", lambda: NITF.format("A headline", "".join(f"<a{n}:p xmlns:a{n}='urn:{n}'/>" for n in range(50_000)) + f"<p>{report(7205)}</p>"), STORED)  # fmt: skip
case(
    XML,
    "an element that never ends",
    NITF.format("x", BODY).replace("</nitf>", ""),
    "failed: file: no well-formed XML …",
)
case(XML, "an encoding that does not exist", b"<?xml version='1.0' encoding='x-klingon'?>" + NITF.format("A headline", f"<p>{report(7206)}</p>").encode(), STORED)  # fmt: skip
case(XML, "an encoding that is not the declared one", b"<?xml version='1.0' encoding='utf-16'?>" + NITF.format("A headline", f"<p>{report(7207)} caf\u00e9</p>").encode(), STORED, holds="caf\u00e9")  # fmt: skip
case(XML, "UTF-7 behind a declaration", b"<?xml version='1.0' encoding='utf-7'?>" + NITF.format("A headline", f"<p>{report(7208)} +ADw-script+AD4-</p>").encode(), "failed: file: no well-formed XML …")  # fmt: skip
case(XML, "NULs and control characters", NITF.format("x", f"<p>{BODY}\0\1\2</p>"), "failed: file: no well-formed XML …")
case(XML, "a language nobody knows", "<?xml version='1.0'?><inventory><item>anchor</item></inventory>", "failed: file: XML in no format that newsfold reads")  # fmt: skip
case(XML, "a feed with an entity that is a file", "<?xml version='1.0'?><!DOCTYPE rss [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>" + RSS.format(item(7209, "<author>&x;</author>")), STORED)  # fmt: skip
case(XML, "a feed with a billion laughs", lambda: laughs().partition("<nitf>")[0].replace("nitf", "rss") + RSS.format(item(7210, "<author>&l9;</author>")), STORED)  # fmt: skip
case(XML, "a feed of 5,000 empty items", lambda: RSS.format("<item/>" * 5_000 + item(7211)), "rejected: no text")
case(XML, "a feed cut off", RSS.format(item(7212) + item(7213)).partition("</channel>")[0][:-200], "rejected: no text", holds=report(7212)[:60])  # fmt: skip
case(XML, "a feed nested 10,000 deep", RSS.format(item(7214, "<a>" * 10_000)), STORED, holds=report(7214)[:60])
case(XML, "a text that is a path", "/etc/passwd", STORED, holds="/etc/passwd")
case(XML, "a text that is a URL", "http://127.0.0.1:9/feed.xml", STORED, holds="http://127.0.0.1:9/feed.xml")

# --- HTML ---------------------------------------------------------------------------------------------------------

PAGE = "<!doctype html><html><head><title>A harbour page</title>{}</head><body>{}</body></html>"


def paragraphs(number: int) -> str:
    """An article's worth of paragraphs."""
    words = report(number, 240).split()
    return "".join(f"<p>{' '.join(words[at : at + 40])}.</p>" for at in range(0, 240, 40))


def page(number: int, before: str = "", head: str = "", after: str = "") -> str:
    """A page with a good article and something else."""
    return PAGE.format(head, f"{before}<article><h1>A harbour page</h1>{paragraphs(number)}</article>{after}")


def told(number: int) -> str:
    """Some words of such an article."""
    return " ".join(report(number, 240).split()[45:52])


def linked_data(value: str) -> str:
    """A JSON-LD block."""
    return f"<script type='application/ld+json'>{value}</script>"


HTML = "HTML"
case(HTML, "elements nested 254 deep", page(7301, "<div>" * 254, after="</div>" * 254), STORED, holds=told(7301))
case(HTML, "elements nested 3,000 deep", page(7302, "<div>" * 3000), STORED, holds=told(7302))
case(HTML, "elements nested 100,000 deep", page(7303, "<div>" * 100_000), STORED, holds=told(7303))
case(HTML, "100,000 tags nobody closes", page(7304, after="<b><i><a href=x>" * 33_000), STORED, holds=told(7304))
case(HTML, "a tag of 1 MB of attributes", lambda: page(7305, "<div " + " ".join(f"a{n}=x" for n in range(130_000)) + ">"), STORED, holds=told(7305))  # fmt: skip
case(HTML, "50 tags of 19 KB of attributes", lambda: page(7306, ("<div " + " ".join(f"a{n}=x" for n in range(2400)) + "></div>") * 50), STORED, holds=told(7306))  # fmt: skip
case(HTML, "200 KB of less-than signs", page(7307, after="<" * 200_000), STORED, holds=told(7307))
case(HTML, "200 KB of half a comment", page(7308, after="<!--" * 50_000), STORED, holds=told(7308))
case(HTML, "200 KB of half a declaration", page(7309, after="<!" * 100_000), STORED, holds=told(7309))
case(HTML, "200 KB of quotes in a tag", page(7310, after='<a href="' * 22_000), STORED, holds=told(7310))
case(HTML, "200 KB of ampersands", page(7311, after="&" * 200_000 + "&#" * 50_000), STORED, holds=told(7311))
case(HTML, "a script that never ends", page(7312, after="<script>" + "x<" * 50_000), STORED, holds=told(7312))
case(HTML, "a picture of 10 MB inside the page", lambda: page(7313, "<img src='data:image/png;base64," + "A" * 10_000_000 + "'>"), STORED, holds=told(7313))  # fmt: skip
case(HTML, "10,000 nested tables", page(7314, "<table><tr><td>" * 10_000), STORED, holds=told(7314))
case(HTML, "20,000 nested lists", page(7315, after="<ul><li>" * 20_000), STORED, holds=told(7315))
case(
    HTML,
    "20,000 nested forms and buttons",
    page(7316, after="<form><button><select>" * 7_000),
    STORED,
    holds=told(7316),
)
case(HTML, "linked data nested 100,000 deep", page(7317, head=linked_data("[" * 100_000)), STORED, holds=told(7317))
case(HTML, "2,000 blocks of linked data", page(7318, head=linked_data('{"@type": "NewsArticle", "headline": "x"}') * 2000), STORED, holds=told(7318))  # fmt: skip
case(HTML, "linked data with a body of its own", page(7319, head=linked_data('{"@type":"NewsArticle","articleBody":' + '"a \\u0000 \\ud800 b"}')), STORED, holds=told(7319))  # fmt: skip
case(HTML, "a base and a refresh to files", page(7320, head="<base href='file:///etc/'><meta http-equiv=refresh content='0;url=file:///etc/passwd'><link rel=stylesheet href='http://127.0.0.1:9/x.css'>"), STORED, holds=told(7320))  # fmt: skip
case(HTML, "a charset that is none", page(7321, head="<meta charset='\\x00klingon'>"), STORED, holds=told(7321))
case(HTML, "NULs between the letters", page(7322).replace("<p>", "<p>\0"), STORED, holds=told(7322))
case(HTML, "a page without an article", PAGE.format("", ""), "failed: no article in it: no text: no article found on the page")  # fmt: skip
case(HTML, "a page of 200,000 line breaks", page(7323, "<br>" * 200_000), STORED, holds=told(7323))

# --- JSON, tables, mail and dates -----------------------------------------------------------------------------------

JSON = "JSON, tables, mail, dates"


def dated(value: Any, number: int) -> str:
    """A record with this date."""
    return record(report(number), id=f"d{number}", published_at=value)


DATES = (
    "0000-00-00", "10000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2024-02-30",
    "2024-01-01T00:00:00+99:99", "tomorrow", -1, 0, 1e300, 10**25, True, [], {}, ["2024"], {"$date": {"$date": {}}},
    "2024-W99-9", "\u0661\u0662", "1" * 5000, "12:00" * 12, "2999-01-01", float("inf"),
)  # fmt: skip

case(JSON, "lists nested 100,000 deep", "[" * 100_000, "failed: file: the JSON array is cut off")
case(JSON, "objects nested 100,000 deep", '{"a":' * 100_000, "failed: no article in it: JSON nested too deep")
case(JSON, "metadata nested 900 deep", record(report(7401), x=json.loads("[" * 900 + "]" * 900)), STORED)
case(JSON, "metadata nested 100,000 deep on one line", lambda: lines(article(7402), '{"text": "a b c", "x": ' + "[" * 100_000 + "}"), "rejected: JSON nested too deep")  # fmt: skip
case(JSON, "a file that ends in mid-record", lines(article(7403)) + '{"id": "x", "text": "no e', "rejected: no valid JSON: Unterminated string starting at at line 1, column 21")  # fmt: skip
case(JSON, "a line of 70 MB", lambda: lines(article(7404)) + '{"text": "' + "word " * 14_000_000 + '"}\n', "rejected: longer than 67,108,864 bytes")  # fmt: skip
case(JSON, "every kind of wrong type", lines('{"id": [], "title": {}, "text": ["a"], "source": 1}', '{"text": null}', '{"text": 5}', '{"text": true}', "[]", "null", "1", '"x"', '{"text": {"text": {"text": {"text": "deep"}}}}', article(7405, version={"a": 1}, language=[1], byline=[{"x": "y"}], url=False, source={"name": None})), "rejected: no text")  # fmt: skip
case(JSON, "NaN, Infinity and a number of 4,000 digits", '{"text": "' + report(7406) + '", "a": NaN, "b": -Infinity, "c": 1e999, "d": ' + "9" * 4000 + "}", STORED)  # fmt: skip
case(JSON, "a number of 10,000 digits", '{"text": "' + report(7407) + '", "a": NaN, "d": ' + "9" * 10_000 + "}", "failed: file: broken json: JSON with a number of more than 4,300 digits")  # fmt: skip
case(JSON, "integers past 64 bits", record(report(7408), a=2**63, b=-(2**63) - 1, c=2**64, d=10**30), STORED)
case(JSON, "100,000 fields", lambda: record(report(7409), **{f"field {n}": n for n in range(100_000)}), STORED)
case(JSON, "metadata of 20 MB", lambda: record(report(7410), blob="x" * 20_000_000, kept="yes"), STORED)
case(JSON, "field names of NULs and surrogates", '{"text": "' + report(7411) + '", "\\u0000": 1, "\\ud800": {"a\\u0000": "\\udfff"}, "": 2}', STORED)  # fmt: skip
case(JSON, "an id, a source and a URL of 1 MB each", lambda: record(report(7412), id=noise(1), source=noise(2), url=f"https://example.org/{noise(3)}"), STORED)  # fmt: skip
case(JSON, "a headline of 10 MB", lambda: record(report(7413), title="storm " * 1_700_000), STORED)
case(JSON, "a version, a language and a byline of 1 MB each", lambda: record(report(7414), version=noise(4), language=noise(5), byline=noise(6)), STORED)  # fmt: skip
case(JSON, "URLs that are none", lines(*(article(7415 + n, url=url) for n, url in enumerate(("http://[::1", "//", "javascript:alert(1)", "http://a\u2100b.example", "http://x:99999999/", "\u202egro.elpmaxe")))), STORED)  # fmt: skip
case(JSON, "dates of every wrong kind", lines(*(dated(value, 7430 + n) for n, value in enumerate(DATES))), STORED)
case(JSON, "a CSV row with a quote nobody closes", lambda: "title,text,date\nA,b c d e f,2024-01-01\nB,\"" + "word " * 2_000_000, "rejected: longer than 2,000,000 characters, the most an article may have")  # fmt: skip
case(JSON, "a CSV with rows too long and NULs", f"title,text\nA harbour,{report(7460)}\nB,c,d,e\n\0,\0\n", "rejected: 4 fields where the header names 2")  # fmt: skip
case(JSON, "a mail of 20,000 headers", lambda: "From: a@example.org\nSubject: A harbour\n" + "X-A: b\n" * 20_000 + f"\n{report(7461)}\n", STORED)  # fmt: skip
case(JSON, "a mail nested 500 deep", lambda: nested_mail(500), STORED)
case(JSON, "a mail with a header of 5 MB", lambda: f"From: a@example.org\nSubject: {'=?utf-8?q?a?= ' * 350_000}\nDate: x\n\n{report(7463)}\n", "failed: file: the parser was stopped: more than 512 MB of memory")  # fmt: skip
case(
    JSON,
    "a mail with a bomb attached",
    lambda: attached(gzip_bomb(1 << 26)),
    "failed: file!..: unpacks to more than 100 times its size",
)
case(JSON, "a mail whose charset is none", f"From: a@example.org\nSubject: A harbour\nContent-Type: text/plain; charset=klingon\n\n{report(7464)}\n", STORED)  # fmt: skip


def noise(seed: int) -> str:
    """A megabyte that will not compress."""
    return base64.b64encode(b"".join((seed * 1_000_003 + n).to_bytes(8) + zlib.crc32(bytes([seed]) * (n % 251 + 1)).to_bytes(4) for n in range(64_000))).decode()  # fmt: skip


def nested_mail(levels: int) -> str:
    """A multipart in a multipart."""
    head = "From: a@example.org\nSubject: A harbour\nMIME-Version: 1.0\n"
    parts = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(levels))
    return f"{head}{parts}Content-Type: text/plain\n\n{report(7462)}\n"


def attached(data: bytes) -> str:
    """A mail with an attachment."""
    return (
        "From: a@example.org\nSubject: A harbour\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
        f"Content-Type: text/plain\n\n{report(7465)}\n--b\nContent-Type: application/gzip\n"
        f"Content-Disposition: attachment; filename=../../x.gz\nContent-Transfer-Encoding: base64\n\n"
        f"{base64.encodebytes(data).decode()}\n--b--\n"
    )


# --- text ---------------------------------------------------------------------------------------------------------

TEXT = "text"
TOO_LONG = "longer than 2,000,000 characters, the most an article may have"
case(TEXT, "NULs", record(report(7501).replace(" ", " \0")), STORED, holds=report(7501)[:60])
case(TEXT, "lone surrogates", record(report(7502) + " \ud800 \udfff").replace("\\\\u", "\\u"), STORED, holds=report(7502)[:60])  # fmt: skip
case(
    TEXT,
    "every control character",
    record(report(7503) + "".join(map(chr, range(160)))),
    STORED,
    holds=report(7503)[:60],
)
case(TEXT, "1,000,000 combining marks", lambda: record(report(7504) + " e" + "\u0301\u0323" * 500_000), STORED)
case(
    TEXT,
    "marks that no cleaning takes out",
    lambda: record(report(7505) + " \u0915" + "\u093f\u0941" * 400_000),
    STORED,
)
case(TEXT, "400,000 letters that become eighteen", lambda: record(report(7506) + " " + "\ufdfa" * 400_000), STORED)
case(TEXT, "one word of 1,900,000 letters", lambda: record("storm " + "x" * 1_900_000), STORED)
case(TEXT, "250,000 distinct words", lambda: record(" ".join(f"{n:x}" for n in range(250_000))), STORED)
case(TEXT, "one word 300,000 times", lambda: record("storm " * 300_000), STORED)
case(TEXT, "a million lines of one letter", lambda: record("a\n" * 950_000), STORED)
case(TEXT, "a single word of 5 MB", lambda: record("x" * 5_000_000), f"failed: no article in it: {TOO_LONG}")
case(TEXT, "a million distinct words", lambda: lines(record(" ".join(f"{n:x}" for n in range(1_000_000))), article(7507)), f"rejected: {TOO_LONG}")  # fmt: skip
case(TEXT, "nothing but white space", record(" \u3000\u2003\n\t\u200b \ufeff"), "failed: no article in it: no text")
case(
    TEXT,
    "nothing but direction marks and zero-width spaces",
    record("\u202e\u200b\u200d\u2066" * 1000),
    "failed: no article in it: no text",
)
case(TEXT, "text written backwards", record("\u202e" + report(7508)[::-1]), STORED)
case(TEXT, "bytes of five encodings", b"A harbour report\n\n" + report(7509).encode() + b" \xff\xfe\x80\x81caf\xe9 \xe2\x82 \x93quoted\x94 \xc3\xa9", STORED)  # fmt: skip
case(TEXT, "UTF-16 with half a character", report(7510).encode("utf-16")[:-1], STORED, holds=report(7510)[:60])
case(TEXT, "a wire header and nothing else", b"\x16\x16\x01a1234\x1f\n\x02\x03", "failed: no article in it: no text")
case(TEXT, "markup in place of text", record("<b><i><u>" * 100_000), STORED)
case(TEXT, "lines that look like legal notices", lambda: record(report(7511) + "\n\u00a9 copyright 2020 all rights reserved (c) " * 30_000), STORED)  # fmt: skip
case(TEXT, "SQL, templates and terminal codes", record("'; DROP TABLE texts; -- {{7*7}} ${jndi:ldap://127.0.0.1/x} %s %n \x1b[2J " + report(7512)), STORED, holds="DROP TABLE")  # fmt: skip

# --- similarity ---------------------------------------------------------------------------------------------------

SIMILARITY = "similarity"


def telling(number: int, text: str, title: str = "") -> str:
    """A record of a story."""
    return json.dumps({"id": f"s{number}", "title": title or f"Report {number}", "text": text})


def flood(count: int, shared: str, first: int) -> str:
    """Unrelated reports that share a passage."""
    return lines(*(telling(first + n, f"{report(first + n)}\n{shared}") for n in range(count)))


def confusable(text: str) -> str:
    """Latin letters as their Cyrillic likenesses."""
    return text.translate(str.maketrans("aceopxy", "асеорху"))


LEGAL = (
    "This report may not be published, broadcast, rewritten or redistributed without the written consent of the owner. "
    * 2
)
case(SIMILARITY, "zero-width letters between the letters", lambda: lines(telling(8001, report(8001)), telling(8002, "\u200b".join(report(8001)), "Report 8001")), STORED, stories=1)  # fmt: skip
case(SIMILARITY, "letters that only look the same", lambda: lines(telling(8003, report(8003)), telling(8004, confusable(report(8003)), "Report 8003")), STORED, stories=1)  # fmt: skip
case(SIMILARITY, "soft hyphens, wide letters and capitals", lambda: lines(telling(8005, report(8005)), telling(8006, "".join(chr(ord(c) + 0xFEE0) if c.isalpha() else c for c in report(8005).upper()), "Report 8005")), STORED, stories=1)  # fmt: skip
case(SIMILARITY, "120 reports under one legal notice", lambda: flood(120, LEGAL, 8100), STORED, stories=120)
case(SIMILARITY, "300 reports around one quotation", lambda: flood(300, report(8500, 12), 8501), STORED, stories=300)
case(SIMILARITY, "120 market reports from one template", lambda: lines(*(telling(8900 + n, template(n), f"Market {n}") for n in range(120))), STORED, stories=120)  # fmt: skip
case(
    SIMILARITY,
    "300 texts of one word",
    lambda: lines(*(telling(9200 + n, "Photograph") for n in range(300))),
    STORED,
    stories=300,
)
case(
    SIMILARITY,
    "300 texts of one letter",
    lambda: lines(*(telling(9500 + n, chr(0x61 + n % 26)) for n in range(300))),
    STORED,
)
case(SIMILARITY, "forty copies of one word, 20,000 times each", lambda: lines(*(telling(9800 + n, f"{report(n, 8)} " + "storm " * 20_000) for n in range(40))), STORED)  # fmt: skip
case(SIMILARITY, "forty long texts of two words", lambda: lines(*(telling(9850 + n, " ".join("ab"[(place * (n + 3)) % 7 % 2] for place in range(20_000))) for n in range(40))), STORED)  # fmt: skip
case(SIMILARITY, "a text of passages from thirty others", lambda: lines(*(telling(9900 + n, report(9900 + n)) for n in range(30)), telling(9950, " ".join(" ".join(report(9900 + n).split()[20:34]) for n in range(30)))), STORED)  # fmt: skip
case(SIMILARITY, "forged sketches: 128 planted shingles", lambda: forged(), STORED, stories=2)
case(SIMILARITY, "200 versions of one id", lambda: lines(*(json.dumps({"id": "same", "source": "desk", "title": f"Report {n}", "text": report(10_000 + n), "version": n}) for n in range(200))), STORED)  # fmt: skip
case(SIMILARITY, "200 reports under one URL", lambda: lines(*(json.dumps({"url": "https://example.org/live", "title": f"Report {n}", "text": report(10_300 + n)}) for n in range(200))), STORED)  # fmt: skip


def template(number: int) -> str:
    """A market report: the same words, other values."""
    town = TOWNS[number % len(TOWNS)]
    return (
        f"The {town} exchange closed at {1000 + number * 7}.{number % 90 + 10} points on day {number}, after {number * 13 % 97} "
        f"shares rose and {number * 29 % 89} fell. Turnover came to {number * 31 + 5} million crowns. Timber stood at "
        f"{number * 3 + 11} crowns a load, wool at {number * 5 + 17}, and barley at {number * 11 + 2} crowns a sack."
    )


def forged() -> str:
    """A text that carries another's rarest shingles, so that a MinHash takes them for one."""
    from datasketch import MinHash

    victim = report(9990, 400).split()
    grams = [" ".join(victim[at : at + 5]) for at in range(len(victim) - 4)]
    planted = set()
    prints = []
    for gram in grams:
        one = MinHash(num_perm=128)
        one.update(gram.encode())
        prints.append(one.hashvalues)
    for place in range(128):
        planted.add(min(range(len(grams)), key=lambda at, place=place: prints[at][place]))  # type: ignore[misc]
    body = report(9991, 1500).split()
    for number, at in enumerate(sorted(planted)):
        body[10 * number : 10 * number] = grams[at].split()
    return lines(telling(9990, " ".join(victim)), telling(9991, " ".join(body)))


# --- running them -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """How a kind fared on one database."""

    case: Case
    outcome: str
    seconds: float
    megabytes: int
    """Most memory of the process that ingests (its parser, held to 512 MB, comes on top); 0 where that is not told."""
    faults: tuple[str, ...]
    """What was not as it should be."""


def make_all(root: Path) -> None:
    """Make the bad files, each in a folder of its own."""
    for number, one in enumerate(CASES):
        folder = root / f"{number:03}"
        folder.mkdir(parents=True)
        (folder / ".path").write_bytes(os.fsencode(one.make(folder)))


def run(url: str, root: Path, good_each: int) -> Iterator[Result]:
    """Ingest what `make_all` has made, each file together with good ones that must come through unharmed."""
    with opened(url) as (engine, pipe):
        known = root / "known.jsonl"
        known.write_text(lines(*(article(number) for number in range(5))))
        list(pipe.ingest([describe(known, "known.jsonl", None)]))
        for number, one in enumerate(CASES):
            path = Path(os.fsdecode((root / f"{number:03}" / ".path").read_bytes()))
            good = list(good_files(root, number * good_each, good_each))
            name = printable(path.relative_to(root)) if path.is_relative_to(root) else str(path)
            reset_peak()
            start = time.monotonic()
            drops = [
                describe(path, name, None, claim=f"batch/{name}"),
                *(describe(file, file.name, None) for file in good),
            ]
            bad, *others = pipe.ingest(drops)
            seconds = time.monotonic() - start
            yield judged(engine, one, bad, others, seconds)


def judged(engine: Engine, one: Case, bad: Outcome, good: Sequence[Outcome], seconds: float) -> Result:
    """Compare what happened with what should have."""
    mine = "JOIN deliveries d ON d.id = a.delivery_id WHERE d.claim = :claim"
    reasons = rows(engine, "SELECT reason FROM rejections a " + mine + " ORDER BY record", claim=bad.drop.claim)
    outcome = (
        f"failed: {bad.error}"
        if bad.error
        else f"rejected: {reasons[0]['reason']}"
        if reasons
        else STORED
        if bad.new
        else DUPLICATE
    )
    faults = []
    if not (outcome.startswith(one.outcome[:-1]) if one.outcome.endswith("…") else outcome == one.outcome):
        faults.append(f"expected {one.outcome}")
    if one.holds:
        texts = rows(
            engine, "SELECT t.body FROM bodies t JOIN articles a ON a.text_id = t.text_id " + mine, claim=bad.drop.claim
        )
        if not any(one.holds in text["body"] for text in texts):
            faults.append("the text is not what it was")
    if one.stories is not None:
        told = "SELECT DISTINCT t.story_id FROM texts t JOIN articles a ON a.text_id = t.id " + mine
        found = len(rows(engine, told, claim=bad.drop.claim))
        if found != one.stories:
            faults.append(f"{found} stories, expected {one.stories}")
    if bad.received != bad.new + bad.duplicate + bad.rejected:
        faults.append("the ledger does not add up")
    if any((one.state, one.new) != ("done", 1) for one in good):
        faults.append("a good file beside it was harmed")
    if seconds > SECONDS:
        faults.append(f"took {seconds:.1f} s")
    return Result(one, outcome, seconds, peak(), tuple(faults))


def good_files(folder: Path, first: int, count: int) -> Iterator[Path]:
    """Write good files, each an article of its own."""
    for number in range(20_000 + first, 20_000 + first + count):
        path = folder / f"good-{number}.json"
        path.write_text(article(number))
        yield path


def reset_peak() -> None:
    """Let Linux count this process's peak memory from now on."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak() -> int:
    """The peak since then, in MB."""
    with suppress(OSError):
        return int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]) // 1024
    return 0


def table() -> str:
    """The kinds and their outcomes, for docs/security.md."""
    head = "| kind | bad input | outcome |\n|---|---|---|\n"
    return head + "".join(f"| {one.family} | {one.name} | {one.outcome} |\n" for one in CASES)


def main(arguments: Sequence[str]) -> int:
    """Run everything on both databases and print the table; or, as `--on URL FOLDER GOOD`, on one, as JSON lines."""
    if arguments[:1] == ["--table"]:
        print(table(), end="")
        return 0
    if arguments[:1] == ["--on"]:
        url, folder, good = arguments[1:]
        for one in run(url, Path(folder), int(good)):
            print(json.dumps([one.outcome, one.seconds, one.megabytes, one.faults]), flush=True)
        return 0
    good_each = -(-1000 // len(CASES))
    with tempfile.TemporaryDirectory(prefix="newsfold-hostile-") as temporary:
        root = Path(temporary)
        root.chmod(0o711)
        print(f"Making {len(CASES)} bad files …", file=sys.stderr)
        make_all(root / "files")
        server = PostgresServer(root / "postgres")
        try:
            server.start()
            found = [
                on(url, root / "files", good_each)
                for url in (f"sqlite:///{root / 'hostile.db'}", create_database(server.url()))
            ]
        finally:
            server.stop()
    return report_on(found, good_each)


def on(url: str, folder: Path, good_each: int) -> list[Any]:
    """Run everything in a process of its own, so that its memory is nobody else's."""
    print(f"Ingesting them on {url.partition(':')[0]} …", file=sys.stderr)
    command = [sys.executable, "-m", "tests.hostile", "--on", url, str(folder), str(good_each)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=Path(__file__).parents[1]).stdout
    return [json.loads(line) for line in printed.splitlines()]


def report_on(found: Sequence[Sequence[Any]], good_each: int) -> int:
    """Print the table with times and memory; return 1 if something was not as it should be."""
    print("| kind | bad input | outcome | SQLite | PostgreSQL |\n|---|---|---|---|---|")
    wrong = 0
    for one, *both in zip(CASES, *found, strict=True):
        cells = [
            f"{seconds:.2f} s, {megabytes} MB" + "".join(f", **{fault}**" for fault in faults)
            for _, seconds, megabytes, faults in both
        ]
        print(f"| {one.family} | {one.name} | {both[0][0]} | {' | '.join(cells)} |")
        wrong += both[0][0] != both[1][0] or any(faults or megabytes > MEGABYTES for _, _, megabytes, faults in both)
    most = [max(result[place] for result in results) for results in found for place in (1, 2)]
    print(
        f"\n{len(CASES)} kinds beside {len(CASES) * good_each:,} good files, {wrong} not as they should be; "
        f"at most {most[0]:.1f} s and {most[1]} MB on SQLite, {most[2]:.1f} s and {most[3]} MB on PostgreSQL."
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
