"""Which encoding bytes are in: the declared one first, then UTF-8, then detection (charset-normalizer)."""

import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# WHATWG Encoding Standard, section 4.2: what a page labels Latin-1 or ASCII is windows-1252.
_WEB_ALIASES = {
    "iso-8859-1": "windows-1252",
    "latin-1": "windows-1252",
    "us-ascii": "windows-1252",
    "ascii": "windows-1252",
}
_SAMPLE = 65_536
_XML_DECLARATION = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_HTML_META = re.compile(rb"<meta\b[^>]{0,400}?charset\s*=\s*[\"']?\s*([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


def declared(head: bytes) -> str | None:
    """The encoding a BOM, an XML declaration or an HTML `meta` names, if Python knows it."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    match = _XML_DECLARATION.match(head) or _HTML_META.search(head[:4096])
    return _known(match[1].decode("ascii")) if match else None


def detect(data: bytes, hint: str | None = None) -> str:
    """Name of the encoding of `data`: BOM or declaration, the hint (an HTTP or MIME charset), UTF-8, a guess.

    A declaration that the bytes contradict is passed over: they do not decode, or a one-byte encoding is declared for
    what is plainly UTF-8 (text in a one-byte encoding practically never is). Never fails: windows-1252 comes last.
    """
    is_utf8 = _decodes(data, "utf-8")
    for name in (declared(data), _known(hint) if hint else None):
        if name and _decodes(data, name) and not (is_utf8 and _is_one_byte(name)):
            return name
    return "utf-8" if is_utf8 else _guess(data[:_SAMPLE])


def decode(data: bytes, hint: str | None = None) -> tuple[str, str]:
    """The text of `data` and the name of the encoding it was read in; what does not decode becomes U+FFFD."""
    name = detect(data, hint)
    if name == "utf-8-sig":
        name, data = "utf-8", data.removeprefix(codecs.BOM_UTF8)
    return data.decode(name, errors="replace"), name


def note(name: str | None) -> dict[str, str]:
    """The metadata entry that records an encoding other than UTF-8."""
    return {"encoding": name} if name not in (None, "utf-8", "utf-8-sig") else {}


def _known(label: str) -> str | None:
    name = _WEB_ALIASES.get(label.lower(), label.lower())
    try:
        # Codecs such as rot13 or zlib are no text encodings: decoding with them raises LookupError.
        b"".decode(name)
    except (LookupError, ValueError):
        return None
    return name


def _is_one_byte(name: str) -> bool:
    return name.startswith(("iso-8859", "iso8859", "windows-", "cp125", "latin", "koi8", "mac"))


def _decodes(sample: bytes, name: str) -> bool:
    """Whether the sample is valid in this encoding; a character cut off at its end counts as valid."""
    try:
        codecs.getincrementaldecoder(name)().decode(sample)
    except (UnicodeError, LookupError):
        return False
    return True


def _guess(sample: bytes) -> str:
    from charset_normalizer import from_bytes

    best = from_bytes(sample).best()
    return _WEB_ALIASES.get(best.encoding, best.encoding) if best else "windows-1252"
