"""What ANPA 1312 and IPTC 7901, the two teletype formats, have in common. (No format itself.)"""

import re
from collections.abc import Iterator

_EDITORS_ONLY = re.compile(
    r"^(?:#+ (?:dpa )?notebook|\* \* \* \*|The following information is not (?:intended )?for publication)", re.I
)
_CREDIT = re.compile(r"^\s*[^()\n]{2,70}\(([A-Za-z][^()\n]{1,24})\)")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_BYLINE = re.compile(r"(?:By|Von|Par|Por) ")


def decode(message: bytes) -> tuple[str, str]:
    """The text of a message and its encoding. Agencies send UTF-8 or Western; a guess on a short text does worse."""
    try:
        return message.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return message.decode("windows-1252", errors="replace"), "windows-1252"


def messages(data: bytes) -> Iterator[bytes]:
    """The messages of a spool: what stands between one end of transmission (EOT) and the next."""
    for part in data.split(b"\x04"):
        if part.strip(b"\x00\x7f\r\n\f "):
            yield part


def lines(text: str) -> list[str]:
    """The lines of a message without control characters, trailing blanks kept out; the format reads controls before."""
    return [_CONTROLS.sub("", line).rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")]


def paragraphs(body: list[str]) -> str:
    """The body with its hard line breaks undone: a paragraph begins after a blank line or with an indent."""
    found: list[list[str]] = [[]]
    for line in body:
        if not line.strip() or line[0] in " \t":
            found.append([])
        if line.strip():
            found[-1].append(line.strip())
    return "\n".join(" ".join(part) for part in found if part)


def for_editors(body: list[str]) -> int:
    """Index of the first line that is not for publication; the length of the body if all of it is."""
    return next((number for number, line in enumerate(body) if _EDITORS_ONLY.match(line.strip())), len(body))


def credit(text: str) -> str | None:
    """The agency in the parentheses of a dateline: `BERLIN (dpa) -`."""
    match = _CREDIT.match(text[:120])
    return match[1].strip() if match else None


def is_byline(line: str) -> bool:
    """Whether a line of the heading names the writer."""
    return _BYLINE.match(line) is not None
