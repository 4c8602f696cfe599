"""XML read without entities, DTDs, network or tricks; and its root told without parsing."""

import copy
import re
from dataclasses import dataclass
from html.entities import html5
from typing import Any

from worker.core.errors import ParseError
from worker.parsing import encoding, markup
from worker.parsing.source import Source

_PROLOGUE = re.compile(
    r"(?:\s++|<\?[^>]{0,2000}+>|<!--.{0,20000}?-->|<!DOCTYPE[^\[>]{0,2000}+(?:\[[^\]]{0,20000}+\])?\s*+>)*+", re.S
)
_ROOT = re.compile(r"<([A-Za-z_][\w.-]*+)(?::([\w.-]++))?([^>]{0,20000})")
# Parameter entities (agencies pull in the NITF DTD with one) name a DTD that is never loaded.
_ENTITY_DECLARATION = re.compile(rb"<!ENTITY\s++(?!%\s)")
_HTML_ENTITY = re.compile(rb"&([A-Za-z][A-Za-z0-9]{1,30});")
_XML_ENTITIES = frozenset(("amp", "lt", "gt", "quot", "apos"))
_DECLARATION = re.compile(r"<\?xml[^>]{0,300}\?>")


@dataclass(frozen=True, slots=True)
class Root:
    """The root element of an XML text: its local name and namespace (empty if none), and its raw attributes."""

    name: str
    namespace: str
    attributes: str


def root(source: Source) -> Root | None:
    """The root element as the head shows it, or None if this does not begin like XML."""
    text = source.head_text.lstrip("\ufeff")
    start = _PROLOGUE.match(text)
    match = _ROOT.match(text, start.end() if start else 0)
    if not match:
        return None
    prefix, name = (match[1], match[2]) if match[2] else ("", match[1])
    declaration = rf"\bxmlns:{re.escape(prefix)}" if prefix else r"\bxmlns"
    namespace = re.search(rf"{declaration}\s*=\s*[\"']([^\"']*)", match[3])
    return Root(name, namespace[1] if namespace else "", match[3])


def parse(source: Source) -> Any:
    """The root element of an XML document. Element names come without namespaces, so that formats match either way.

    Raises ParseError for what is not well-formed, nested over 256 levels deep, or declares entities of its own.
    """
    from lxml import etree

    data = source.read_all()
    if _ENTITY_DECLARATION.search(data):
        raise ParseError(f"{source.name}: XML that declares entities, which newsfold does not expand")
    source.encoding = encoding.detect(data)
    if source.encoding not in (encoding.declared(data), "utf-8-sig"):
        # The bytes are not what the declaration says, or it is one libxml2 does not know.
        text = data.decode(source.encoding, errors="replace")
        data = _DECLARATION.sub("", text.lstrip("\ufeff"), count=1).encode()
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False, huge_tree=False,
        remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        return strip_namespaces(etree.fromstring(_HTML_ENTITY.sub(_numbered, data), parser))
    except etree.XMLSyntaxError as error:
        raise ParseError(f"{source.name}: {explain(error)}") from None


def strip_namespaces(root: Any) -> Any:
    """The same tree, with local names for element names."""
    for element in root.iter():
        if isinstance(element.tag, str) and element.tag.startswith("{"):
            element.tag = element.tag.partition("}")[2]
    return root


def _numbered(match: re.Match[bytes]) -> bytes:
    """An HTML entity, which agencies' DTDs define and newsfold does not load, as a character reference."""
    name = match[1].decode("ascii")
    character = html5.get(name + ";", "") if name not in _XML_ENTITIES else ""
    return "".join(f"&#{ord(c)};" for c in character).encode() or match[0]


def explain(error: Any) -> str:
    """What lxml found wrong, without quoting the document."""
    line = getattr(error, "lineno", None)
    where = f" at line {line}" if line else ""
    if "depth" in str(error).lower():
        return f"XML nested too deep{where}"
    return f"no well-formed XML (libxml2 error {error.code}{where})"


def text(element: Any) -> str:
    """All text of an element on one line; empty for None."""
    return " ".join("".join(element.itertext()).split()) if element is not None else ""


def block(element: Any) -> str:
    """The text of a body element (NITF, XHTML), one line a block. Pictures and page furniture are left out."""
    from lxml import etree

    if element is None:
        return ""
    copied = copy.deepcopy(element)
    for name in ("media", "head", "header", "footer", "figure", "style", "script"):
        for inner in list(copied.iter(name)):
            if inner.getparent() is not None:
                _drop(inner)
    return markup.to_text(etree.tostring(copied, encoding="unicode", with_tail=False))


def _drop(element: Any) -> None:
    """Take an element out, but not the text that follows it."""
    parent, before = element.getparent(), element.getprevious()
    if element.tail and before is not None:
        before.tail = (before.tail or "") + element.tail
    elif element.tail:
        parent.text = (parent.text or "") + element.tail
    parent.remove(element)


def first(element: Any, *paths: str) -> str:
    """The one-line text of the first of these ElementPath paths that has any."""
    for path in paths:
        for found in element.iterfind(path):
            if value := text(found):
                return value
    return ""


def attribute(element: Any, path: str, name: str) -> str:
    """The first non-empty value of this attribute among the elements at the path."""
    return next((value for found in element.iterfind(path) if (value := (found.get(name) or "").strip())), "")


def language(element: Any) -> str:
    """xml:lang."""
    return (element.get("{http://www.w3.org/XML/1998/namespace}lang") or "").strip()


def compact(values: dict[str, Any]) -> dict[str, Any]:
    """The entries that say something."""
    return {key: value for key, value in values.items() if value not in (None, "", [], {})}
