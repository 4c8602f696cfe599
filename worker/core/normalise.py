"""From an article as delivered to the text that is matched: what is not the story's own is set apart."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit

from worker.core import forms
from worker.core.article import Article

_TRACKING = re.compile(
    r"(?i)(?:utm_\w+|fbclid|gclid|dclid|msclkid|yclid|mc_[ce]id|igshid|ns_\w+|cmpid?|ocid|ito|smid|smtyp|xtor|wt\.\w+|amp"
    r"|outputtype|partner|ref|ref_src|referrer|source|src|spm|sr_share|taid|via|_ga|cid|ncid|icid|s_cid|ftag|mod|rss|feed\w*)$"
)
_AMP = re.compile(r"(?i)(?:/amp(?:\.html)?)+/?$|(?:\.amp)+(?=$|\.html$)|^(?:/amp)+(?=/)")
_PLAIN_URL = re.compile(r"https?://([A-Za-z0-9.-]+)(/[!-\"$->@-~]*)?")
"""ASCII, without a port, query or fragment."""
_MOBILE = re.compile(r"^(?:(?:www|m|mobile|amp|edition-m|wap)\.)+(?=[^.]+\.)")
_DASH = re.compile("|".join(map(re.escape, forms.DASHES)))
_LONGEST_BUTTON = max(map(len, forms.BUTTONS))


class Normalised(NamedTuple):
    """What of an article is matched, and what was read off it on the way."""

    headline: str
    body: str
    """Without dateline, byline, credits, legal lines, share buttons, links and the repeated headline."""
    credit: str | None
    """Canonical lower-case name of the agency the text is credited to."""
    dateline: str | None
    byline: str | None
    published_at: datetime | None


@dataclass(slots=True)
class _Found:
    """What the lines that were set apart have told so far; the article's own fields come first."""

    credit: str | None
    dateline: str | None
    byline: str | None
    published_at: datetime | None


def normalise(article: Article) -> Normalised:
    """Set apart what is not the story's own words, and read credit, dateline, byline and date off it.

    Known forms only, each where it is usual: in the first lines, in the last, or as a line of its own. A text without
    a headline gets its first line if that looks like one.
    """
    headline = " ".join(article.headline.split())
    found = _Found(
        agency(article.credit) if article.credit else None, article.dateline, article.byline, article.published_at
    )
    lines = [line for raw in article.text.split("\n") if (line := raw.strip())]
    kept = _without_furniture(lines, headline, found)
    if not headline:
        headline, kept = _take_title(kept)
    for at in range(min(2, len(kept))):
        if (opened := _split_dateline(kept[at], found)) is not None:
            kept[at] = opened
            break
    return Normalised(headline, "\n".join(kept), found.credit, found.dateline, found.byline, found.published_at)


@lru_cache(4096)
def agency(name: str) -> str | None:
    """Canonical lower-case form of the name or domain of an agency or outlet; None if nothing of it is left."""
    low = " ".join(name.strip().strip("()").lower().replace("-", " ").split())
    if low in forms.CANONICAL:
        return forms.CANONICAL[low]
    parts = forms.DIVIDERS.split(low) if " " in low or "/" in low else low.split(".")
    return next((forms.CANONICAL[part] for part in parts if part in forms.CANONICAL), low or None)


def canonical_url(url: str) -> str:
    """One form for every way a page is linked: no tracking parameters, AMP or mobile host, fragment or port.

    Parameters that may carry identity (`id`, `p`, `story`, …) stay, in alphabetical order. The scheme is dropped to
    https; a string that is no web address is returned stripped.
    """
    if plain := _PLAIN_URL.fullmatch(url):  # as most are: the same in a third of the time
        return _https(plain[1], plain[2] or "", "")
    try:
        parts = urlsplit(url.strip())
        host = parts.hostname
    except ValueError:  # http://[
        return url.strip()
    if not host:
        return url.strip()
    query = sorted((k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k))
    return _https(host, parts.path, urlencode(query))


def _https(host: str, path: str, query: str) -> str:
    host, path = _MOBILE.sub("", host.lower()), _AMP.sub("", path).rstrip("/") or "/"
    return f"https://{host}{path}?{query}" if query else f"https://{host}{path}"


def _without_furniture(lines: list[str], headline: str, found: _Found) -> list[str]:
    cut = (line for at, line in enumerate(lines) if at >= len(lines) - 4 or len(line) < forms.SHORT)
    low = "\n".join(cut).lower()
    legal, tail = _holds(low, forms.LEGAL_HINTS), _holds(low, forms.TAIL_HINTS)
    title = _bare(headline)
    kept: list[str] = []
    for at, line in enumerate(lines):
        ending = at >= len(lines) - 4
        if at < 6 and title and _is_title(line, title):
            continue
        if len(line) < 2 * forms.SHORT and _is_furniture(line, lines[at - 1] if at else ""):
            continue
        if len(line) < 60 and _is_sign_off(line, found):
            continue
        if len(kept) < 2 and len(line) < 100 and _is_head(line, found):
            continue
        if legal and (ending or len(line) < forms.SHORT):
            line = _cut(line, forms.LEGAL, forms.LEGAL_HINTS, found)
        if tail and (ending or len(line) < forms.SHORT):
            line = _cut(line, forms.TAIL, forms.TAIL_HINTS, found)
        if line:
            kept.append(line)
    return kept


def _holds(low: str, hints: tuple[tuple[str, str], ...]) -> bool:
    for mark, hint in hints:  # noqa: SIM110 - a generator takes longer than what it looks for
        if mark in low and hint in low:
            return True
    return False


def _runs_on(line: str) -> bool:
    """In hard-wrapped text: the next line may begin with any word."""
    return len(line) >= 45 and line[-1] not in '.!?:…"”)'


def _is_furniture(line: str, before: str) -> bool:
    """Only the little that a form can be is put in lower case: of whole lines that took longer than all the rest."""
    if "'" in line and "verify you're not a robot" in line.lower():
        return True
    label = line.strip(" :|•·×»›>.…")
    if len(label) <= _LONGEST_BUTTON and label.lower() in forms.BUTTONS and line[-1] != ".":
        return True
    if (
        len(line) < forms.SHORT
        and line.split(None, 1)[0].lower() in forms.OPENERS
        and not _runs_on(before)
        and forms.FURNITURE.match(line)
    ):
        return True
    return line[-1] not in '.!?"”' and ("/" in line or "hoto" in line) and bool(forms.PICTURE.search(line))


def _is_sign_off(line: str, found: _Found) -> bool:
    signed = forms.SIGN_OFF.match(line)
    if signed:
        found.credit = found.credit or agency(signed[1])
    return bool(signed)


def _is_head(line: str, found: _Found) -> bool:
    """A line that holds nothing but the date or the author."""
    if dated := forms.DATE_LINE.match(line):
        found.published_at = found.published_at or _date(dated)
        return True
    if by := forms.BYLINE.match(line):
        found.byline = found.byline or by[1].strip()
        found.credit = found.credit or _credit_in(f"({by[1].rsplit(',', 1)[-1].strip()})")
    return bool(by)


def _cut(line: str, pattern: re.Pattern[str], hints: tuple[tuple[str, str], ...], found: _Found) -> str:
    """The line up to a notice that runs to its end; nothing if little stands before it."""
    notice = pattern.search(line) if _holds(line.lower(), hints) else None
    if not notice or len(line) - notice.start() > forms.SHORT:
        return line
    found.credit = found.credit or _credit_in(line[notice.start() :])
    before = line[: notice.start()].rstrip()
    return before if len(before) > 60 else ""


def _bare(line: str) -> str:
    return "".join(filter(str.isalnum, line.casefold()))


def _is_title(line: str, title: str) -> bool:
    """The line is the headline again, possibly cut off with an ellipsis or with a site's name behind it."""
    if len(line) > 3 * len(title) + 40 or line[0].casefold() != title[0]:
        return False
    if _bare(line) == title:
        return True
    if line.endswith(("...", "…")):
        return len(line) > 20 and title.startswith(_bare(line))
    before, mark, _ = line.rpartition(" | ")
    if not mark:
        before, mark, _ = line.rpartition(" - ")
    return bool(mark) and _bare(before) == title


def _credit_in(text: str) -> str | None:
    credit = forms.INLINE_CREDIT.search(text)
    return agency(next(group for group in credit.groups() if group)) if credit else None


def _split_dateline(line: str, found: _Found) -> str | None:
    """The line behind its dateline, or None if it has none."""
    head = line[:110]
    opened = _DASH.search(head) and forms.DATELINE.match(head)
    if not opened:
        return None
    place = opened["place"].strip(" ,")
    city = place.split(",")[0].split("/")[0]
    wire = agency(opened["agency"]) if opened["agency"] else None
    if not (city.isupper() and len(city) > 2) and not (wire and len(place.split()) <= 8):
        return None
    found.dateline = found.dateline or place or None
    found.credit = found.credit or wire
    return line[opened.end() :].lstrip(" -–—_")


def _take_title(kept: list[str]) -> tuple[str, list[str]]:
    """A short first line without a full stop, followed by a longer one, is the headline of a text that has none."""
    if len(kept) < 2:
        return "", kept
    first = kept[0]
    if _bare(kept[1]) == _bare(first):
        return first, kept[2:]
    looks_right = 8 <= len(first) <= 120 and first[-1] not in ".!。．｡؟۔…:;,"
    return (first, kept[1:]) if looks_right and max(map(len, kept[1:])) > len(first) else ("", kept)


def _date(found: re.Match[str]) -> datetime | None:
    try:
        if found["y"]:
            return datetime(int(found["y"]), int(found["m"]), int(found["d"]), tzinfo=UTC)
        if month := found["month"] or found["month2"]:
            year, day = found["year"] or found["year2"], found["day"] or found["day2"]
            return datetime(int(year), forms.MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC)
    except ValueError:  # 2023-02-30
        return None
    return None
