"""HTML to plain text for fragments: bodies of feeds, agency JSON and mail, where all of the markup is the article.

Works in time linear in its input and without a tree: a parser's depth limit cannot swallow text here, nor can
unclosed tags make it crawl. Saved web pages, where the article has to be found first, are `formats.html`'s business.
"""

import re
from html import unescape

_BLOCKS = (
    "address|article|aside|blockquote|body|br|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h[1-6]|"
    "header|hr|hl[12]|li|main|nav|ol|p|pre|section|table|tbody|tfoot|thead|tr|ul"
)
# First a tag whose quoted attributes may hold angle brackets, within small bounds; then the plain case. Both stop at
# the next "<", so that a text of unclosed tags costs a constant a tag.
_REST = r"(?:[^<>\"']{0,200}+(?:\"[^\"]{0,300}+\"|'[^']{0,300}+')){0,8}+[^<>\"']{0,200}+>|[^<>]*+>"
_TAG = re.compile(rf"<(?:/?({_BLOCKS})(?![\w:-])|(t[dh])(?![\w:-])|/?[a-z][\w:.-]*+|[!?])(?:{_REST})", re.IGNORECASE)
_COMMENT_START, _COMMENT_END = re.compile("<!--"), re.compile("-->")
_HIDDEN_START = re.compile(r"<(?:script|style|template|head)\b", re.IGNORECASE)
_HIDDEN_END = re.compile(r"</(?:script|style|template|head)[^<>]{0,100}>", re.IGNORECASE)
_PRE_START, _PRE_END = re.compile(r"<pre\b", re.IGNORECASE), re.compile(r"</pre\b", re.IGNORECASE)
_CDATA = re.compile(r"<!\[CDATA\[|\]\]>")
_LOOKS_LIKE = re.compile(
    r"</(?:p|div|a|b|i|em|strong|span|h[1-6]|ul|ol|li|blockquote|td|tr|table|figure|article|body|html)\s*>"
    r"|<(?:br|p|hr|img)\b[^<>]{0,500}>",
    re.IGNORECASE,
)
_PAGE = re.compile(r"<!doctype\s+html|<html[\s>]|<head[\s>]|<body[\s>]", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\xa0]+")


def looks_like_html(text: str) -> bool:
    """Whether a text that should be plain carries HTML tags."""
    return "<" in text and _LOOKS_LIKE.search(text) is not None


def is_page(text: str) -> bool:
    """Whether this is a whole web page, of which the article is a part, and not a fragment that is all article."""
    head = text[:4096]
    return "<" in head and _PAGE.search(head) is not None


def to_text(html: str) -> str:
    """The text of an HTML fragment, one line a block, entities resolved. Only in `<pre>` do line ends count."""
    html = _without(html, _COMMENT_START, _COMMENT_END)
    html = _CDATA.sub("", _without(html, _HIDDEN_START, _HIDDEN_END))
    text = unescape(_TAG.sub(_replacement, _flowed(html)))
    lines = (_SPACE.sub(" ", line).strip() for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def plain(text: str) -> str:
    """The text as it is, or without its tags if it carries some."""
    return to_text(text) if looks_like_html(text) else text


def without_headline(text: str, headline: str) -> str:
    """The text without a first or second line that repeats the headline."""
    lines, wanted = text.split("\n"), _folded(headline)
    for number, line in enumerate(lines[:2]):
        folded = _folded(line)
        if folded and (folded == wanted or (len(folded) > 20 and wanted.startswith(folded))):
            return "\n".join(lines[:number] + lines[number + 1 :])
    return text


def _replacement(match: re.Match[str]) -> str:
    return "\n" if match[1] else " " if match[2] else ""


def _flowed(html: str) -> str:
    """HTML whose line ends outside `<pre>`, which mean nothing, are spaces."""
    html = html.replace("\r\n", "\n").replace("\r", "\n")
    parts, at = [], 0
    while (start := _PRE_START.search(html, at)) and (end := _PRE_END.search(html, start.end())):
        parts += [html[at : start.start()].replace("\n", " "), html[start.start() : end.start()]]
        at = end.start()
    return "".join([*parts, html[at:].replace("\n", " ")])


def _without(text: str, start: re.Pattern[str], end: re.Pattern[str]) -> str:
    """Text without what stands between two marks. From a start without an end nothing is taken: text beats tidiness."""
    kept, at = [], 0
    while (opening := start.search(text, at)) and (closing := end.search(text, opening.end())):
        kept.append(text[at : opening.start()])
        at = closing.end()
    return " ".join([*kept, text[at:]])


def _folded(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
