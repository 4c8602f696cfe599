"""ZIP archives (PKWARE APPNOTE 6.3); members are read as streams, none is written to disk."""

import lzma
import zipfile
import zlib
from collections.abc import Callable
from typing import IO

from worker.core.article import Rejected
from worker.core.errors import ParseError
from worker.parsing.format import Format, Records
from worker.parsing.limits import MAX_MEMBERS, LimitError, Meter, Unpacked
from worker.parsing.sanitise import clean_line
from worker.parsing.source import Source

_ENCRYPTED = 0x1
_BROKEN = (zipfile.BadZipFile, RuntimeError, ValueError, EOFError, zlib.error, lzma.LZMAError)
"""What reading a damaged member raises."""
_JUNK = ("__MACOSX/", ".DS_Store", "Thumbs.db", "desktop.ini")


def open_archive(source: Source) -> tuple[zipfile.ZipFile, Meter]:
    """The archive and the meter for what comes out of it. Raises ParseError, or LimitError for too many members."""
    file = source.seekable_file()
    size = file.seek(0, 2)
    file.seek(0)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise ParseError(f"{source.name}: broken zip: {error}") from None
    if len(archive.infolist()) > MAX_MEMBERS:
        raise LimitError(f"{source.name}: more than {MAX_MEMBERS:,} members")
    return archive, Meter(source.budget, source.name, lambda: size)


def _matches(source: Source) -> bool:
    return source.head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def _read(source: Source) -> Records:
    archive, meter = open_archive(source)
    with archive:
        for info in archive.infolist():
            if info.is_dir() or any(part in info.filename for part in _JUNK):
                continue
            position = f"{source.name}!{clean_line(info.filename)[:200]}"
            if info.flag_bits & _ENCRYPTED:
                source.budget.enter(source.depth + 1, source.name)
                yield Rejected(position, "encrypted; drop it without a password")
                continue
            try:
                content = _open(archive, info)
                member = source.member(Unpacked(_reader(content), meter), info.filename)
            except LimitError:
                raise
            except ParseError as error:
                yield Rejected(position, str(error))
                continue
            with content:
                yield member


def _open(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> IO[bytes]:
    try:
        return archive.open(info)
    except NotImplementedError:
        raise ParseError("compressed in a way that newsfold does not read") from None
    except _BROKEN:
        raise ParseError("broken member") from None


def _reader(content: IO[bytes]) -> Callable[[int], bytes]:
    """Read a member, its faults told as such."""

    def read(size: int) -> bytes:
        try:
            return content.read(size)
        except _BROKEN:
            raise ParseError("broken member") from None
        except OSError as error:
            if error.errno is not None:  # the disk's
                raise
            raise ParseError("broken member") from None  # bzip2's

    return read


FORMAT = Format(name="zip", family="containers", standard="ZIP (APPNOTE 6.3)", matches=_matches, read=_read)
