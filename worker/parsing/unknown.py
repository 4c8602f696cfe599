"""Say what a file is that newsfold does not read, so that whoever dropped it knows what to do."""

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
    (b"MZ", "a program"),
    (b"SQLite format 3", "an SQLite database"),
    (b"{\\rtf", "an RTF document; save it as text or .docx"),
)


def describe(head: bytes) -> str:
    """The reason a file that no format claims is not read, by its first bytes."""
    for magic, what in _MAGIC:
        if head.startswith(magic):
            return what
    if head[4:8] == b"ftyp":
        return "an MP4 or HEIF file, no text"
    if head[:4] == b"RIFF":
        return f"a {'WebP picture' if head[8:12] == b'WEBP' else 'RIFF recording'}, no text"
    return "binary data in no format that newsfold reads"
