"""tar (POSIX.1-2001 pax, GNU, ustar), read as a stream; nothing is extracted to disk."""

from worker.core.article import Rejected
from worker.core.errors import ParseError
from worker.parsing.format import Format, Records
from worker.parsing.limits import Unpacked
from worker.parsing.sanitise import clean_line
from worker.parsing.source import Source


def matches(source: Source) -> bool:
    """Whether this is a tar: its first header carries the magic of ustar."""
    return source.head[257:262] == b"ustar"


def _read(source: Source) -> Records:
    import tarfile

    try:
        with tarfile.open(fileobj=source.buffered(), mode="r|") as archive:
            for member in archive:
                if member.isdir():
                    continue
                content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is None:
                    source.budget.enter(source.depth + 1, source.name)
                    yield Rejected(f"{source.name}!{clean_line(member.name)[:200]}", "a link, device or sparse file")
                else:
                    yield source.member(Unpacked(content.read), member.name)
                # A stream is never looked back into: without this the list of headers grows with the archive.
                archive.members.clear()  # type: ignore[attr-defined]  # typeshed has only getmembers()
    except tarfile.TarError:
        raise ParseError(f"{source.name}: the tar is cut off or damaged") from None


FORMAT = Format(
    name="tar", family="containers", standard="tar (POSIX.1-2001 pax, GNU, ustar)", matches=matches, read=_read
)
