"""Say what a file is that newsfold does not read, so that whoever dropped it knows what to do."""

import re

_MAGIC = (
    (b"\xff\xd8\xff", "a JPEG picture, no text"),
    (b"\x89PNG", "a PNG picture, no text"),
    (b"GIF8", "a GIF picture, no text"),
    (b"II*\0", "a TIFF picture, no text"),
    (b"MM\0*", "a TIFF picture, no text"),
    (b"ID3", "an MP3 recording, no text"),
    (b"OggS", "an Ogg recording, no text"),
    (b"fLaC", "a FLAC recording, no text"),
    (b"Rar!", "a RAR archive; repack it as zip or tar"),
    (b"7z\xbc\xaf", "a 7z archive; repack it as zip or tar"),
    (b"BZh", "bzip2 data; repack it with gzip or zstd"),
    (b"\xfd7zXZ", "xz data; repack it with gzip or zstd"),
    (b"\xd0\xcf\x11\xe0", "an old Microsoft Office file; save it as .docx"),
    (b"\x7fELF", "a program"),
    (b"MZ\x90", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "an RTF document; save it as text or .docx"),
)


def is_binary(head: bytes) -> bool:
    """Whether the first bytes are those of a known kind of file that is no text."""
    return _kind(head) is not None


def is_xml(head: bytes) -> bool:
    """Whether this is a declared XML document, or one element that opens the file and, where that is seen, ends it."""
    head = head.strip()
    element = re.match(rb"<([A-Za-z_][\w:.-]*)[^<>]*>", head)
    return head.startswith(b"<?xml") or (
        element is not None and (len(head) > 60_000 or head.endswith(b"</%b>" % element[1]))
    )


def describe(head: bytes) -> str:
    """The reason a file that no format claims is not read, by its first bytes."""
    if is_xml(head):
        return "XML in no format that newsfold reads"
    return _kind(head) or "binary data in no format that newsfold reads"


def _kind(head: bytes) -> str | None:
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[4:8] == b"ftyp":
        return "an MP4 or HEIF file, no text"
    if head[:4] == b"RIFF":
        return f"a {'WebP picture' if head[8:12] == b'WEBP' else 'RIFF recording'}, no text"
    return None
