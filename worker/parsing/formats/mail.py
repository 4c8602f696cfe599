"""Mail: messages (RFC 5322, MIME RFC 2045-2049), mailboxes (mbox, RFC 4155) and saved pages (MHTML, RFC 2557).

The text is the plain part (RFC 3676 flowed lines joined), else the HTML part. Attachments are read in their own right,
pictures and sound left out.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from worker.core.article import Article, Rejected
from worker.parsing import encoding, markup
from worker.parsing.dates import parse_date
from worker.parsing.format import Format, Records
from worker.parsing.formats import html
from worker.parsing.limits import MAX_RECORD_BYTES
from worker.parsing.source import Source

if TYPE_CHECKING:
    from email.message import EmailMessage

_HEADERS = re.compile(
    rb"^(?:from|to|subject|date|message-id|mime-version|received|delivered-to|return-path|reply-to|content-type|"
    rb"x-received|dkim-signature|list-id|snapshot-content-location): ?\S", re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_FIRST = re.compile(rb"\s*[A-Za-z][A-Za-z0-9-]{1,60}: ?\S")
_MBOX = re.compile(rb"From \S+ .*\d{4}\r?\n[A-Za-z>][A-Za-z0-9-]*:? ?")
_MEDIA = ("image", "audio", "video", "font")


def _headers(head: bytes) -> bytes:
    """The header block, without lines before it that hold only blanks."""
    return re.split(rb"\r?\n\r?\n", head.lstrip(), maxsplit=1)[0]


def _is_mail(source: Source) -> bool:
    return (
        bool(_FIRST.match(source.head)) and len({m[0].lower() for m in _HEADERS.finditer(_headers(source.head))}) >= 2
    )


def _is_mhtml(source: Source) -> bool:
    if not _is_mail(source):
        return False
    block = _headers(source.head).lower()
    return b"multipart/related" in block and (b"text/html" in block or b"snapshot-content" in block)


def _read_mail(source: Source) -> Records:
    yield from _message(source.read_all(), source, "")


def _read_mbox(source: Source) -> Records:
    for number, data in enumerate(_split(source), 1):
        position = f"message {number}"
        if data is None:
            yield Rejected(position, f"larger than {MAX_RECORD_BYTES:,} bytes")
            continue
        try:
            yield from list(_message(data, source, position))
        except (ValueError, LookupError, AttributeError, TypeError) as error:
            # The email package raises all of these on malformed headers; one message must not cost the mailbox.
            yield Rejected(position, f"broken mail: {type(error).__name__}")


def _split(source: Source) -> Iterator[bytes | None]:
    """The messages of a mailbox, each begun by a `From ` line after a blank; None in place of one over the limit."""
    parts: list[bytes] = []
    size, blank = 0, True
    for _, line in source.lines():
        if line is not None and blank and line.startswith(b"From ") and size:
            yield b"\n".join(parts[1:]) if size <= MAX_RECORD_BYTES else None
            parts, size = [], 0
        size += MAX_RECORD_BYTES + 1 if line is None else len(line) + 1
        if line is not None and size <= MAX_RECORD_BYTES:
            parts.append(line[1:] if re.match(rb">+From ", line) else line)
        blank = line == b""
    if size:
        yield b"\n".join(parts[1:]) if size <= MAX_RECORD_BYTES else None


def _message(data: bytes, source: Source, position: str) -> Records:
    message = _parsed(data)
    body: Any = message.get_body(preferencelist=("plain", "html"))
    text, name = _text(body) if body is not None else ("", "utf-8")
    if text.lstrip()[:1] in ("{", "["):
        yield source.member(io.BytesIO(text.encode("utf-8", "replace")), f"{position} body".strip())
    else:
        yield _article(message, text, name) if text.strip() else Rejected(position, "no text")
    attachments: Any = message.iter_attachments()
    for number, part in enumerate(attachments, 1):
        if part.get_content_maintype() not in _MEDIA and (payload := _payload(part)):
            name = f"{position} {part.get_filename() or f'attachment {number}'}".strip()
            yield source.member(io.BytesIO(payload), name)


def _parsed(data: bytes) -> "EmailMessage":
    from email import message_from_bytes, policy

    return message_from_bytes(data.lstrip(), policy=policy.default)


def _article(message: "EmailMessage", text: str, name: str) -> Article:
    from email.utils import parseaddr

    sender, address = parseaddr(str(message.get("From", "")))
    return Article(
        text=text,
        headline=str(message.get("Subject", "")),
        external_id=str(message.get("Message-ID", "")).strip("<> ") or None,
        source=address.rpartition("@")[2] or None,
        byline=sender or None,
        published_at=parse_date(str(message.get("Date", ""))),
        language=str(message.get("Content-Language", "")) or None,
        metadata={**encoding.note(name), **({"list_id": str(message["List-Id"])} if message["List-Id"] else {})},
    )


def _payload(part: "EmailMessage") -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _text(part: "EmailMessage") -> tuple[str, str]:
    """The plain text of a body part, and the encoding it was in."""
    text, name = encoding.decode(_payload(part), part.get_content_charset())
    if part.get_content_subtype() == "html":
        return markup.to_text(text), name
    if part.get_param("format") == "flowed":
        text = _unflowed(text, delete_space=str(part.get_param("delsp", "")).lower() == "yes")
    return text, name


def _unflowed(text: str, *, delete_space: bool) -> str:
    """RFC 3676: a line that ends in a space goes on in the next; the signature separator `-- ` does not."""
    found: list[str] = []
    open_ = False
    for line in text.replace("\r\n", "\n").split("\n"):
        flows = line.endswith(" ") and line != "-- "
        kept = line[:-1] if flows and delete_space else line
        if open_:
            found[-1] += kept
        else:
            found.append(kept)
        open_ = flows
    return "\n".join(found)


def _read_mhtml(source: Source) -> Records:
    message = _parsed(source.read_all())
    page: Any = next(
        (part for part in message.walk() if part.get_content_type() in ("text/html", "application/xhtml+xml")), None
    )
    if page is None:
        yield Rejected("", "no text: no page in the archive")
        return
    text, source.encoding = encoding.decode(_payload(page), page.get_content_charset())
    url = message.get("Snapshot-Content-Location") or page.get("Content-Location")
    yield html.article(text, str(url) if url else None) or Rejected("", "no text: no article found on the page")


MHTML = Format(name="mhtml", family="web", standard="MHTML (RFC 2557)", matches=_is_mhtml, read=_read_mhtml)
MBOX = Format(
    name="mbox",
    family="mail",
    standard="mbox (RFC 4155)",
    matches=lambda source: bool(_MBOX.match(source.head)),
    read=_read_mbox,
)
MAIL = Format(
    name="mail", family="mail", standard="Internet Message Format (RFC 5322), MIME", matches=_is_mail, read=_read_mail
)
