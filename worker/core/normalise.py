"""From an article as delivered to the text that is matched: what is not the story's own is set apart."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from worker.core.article import Article

AGENCIES: Final = {
    "reuters": "reuters|reuter|thomson reuters|رويترز|路透社|рейтер",
    "ap": "ap|the associated press|associated press|美联社",
    "afp": "afp|agence france[- ]presse|agencia afp|فرانس برس|法新社|афп",
    "dpa": "dpa|deutsche presse[- ]agentur",
    "pa": "pa|pa media|press association",
    "upi": "upi|united press international",
    "efe": "efe|agencia efe",
    "europa press": "europa press",
    "ansa": "ansa",
    "tass": "tass|itar[- ]tass|тасс|итар[- ]тасс",
    "ria": "ria|ria novosti|риа|риа новости",
    "interfax": "interfax|интерфакс",
    "xinhua": "xinhua|新华社|شينخوا",
    "kyodo": "kyodo|kyodo news|共同通信|共同",
    "jiji": "jiji|jiji press|時事通信|時事",
    "yonhap": "yonhap|yonhap news",
    "pti": "pti|press trust of india",
    "ani": "ani",
    "ians": "ians",
    "aap": "aap|australian associated press",
    "cp": "the canadian press|canadian press",
    "apa": "apa|austria presse agentur",
    "sda": "sda|ats|keystone-sda|keystone-ats",
    "belga": "belga",
    "anp": "anp",
    "tt": "tt",
    "ntb": "ntb",
    "ritzau": "ritzau",
    "lusa": "lusa",
    "anadolu": "aa|anadolu|anadolu agency|الأناضول",
    "irna": "irna|ایرنا|إرنا",
    "wam": "wam|وام",
    "spa": "spa|واس",
    "bloomberg": "bloomberg|bloomberg news",
    "cnn": "cnn|cnn newsource|cnn wire|the-cnn-wire|cable news network",
    "al jazeera": "al jazeera|aljazeera|الجزيرة",
    "cbs": "cbs news|cbs",
    "nbc": "nbc news|nbc",
    "bbc": "bbc news|bbc",
}
"""Canonical agency name -> the names it goes by, lower case, as alternatives of a regular expression."""

_CANONICAL: Final = {name: agency for agency, names in AGENCIES.items() for name in names.replace("[- ]", " ").split("|")}
_ANY_AGENCY: Final = "|".join(sorted((n for names in AGENCIES.values() for n in names.split("|")), key=len, reverse=True))


@dataclass(frozen=True, slots=True)
class Normalised:
    """What of an article is matched, and what was read off it on the way."""

    headline: str
    body: str
    """Without dateline, byline, credits, legal lines, share buttons, links and the repeated headline."""
    credit: str | None
    """Canonical lower-case name of the agency the text is credited to."""
    dateline: str | None
    byline: str | None
    published_at: datetime | None


_SPACES = re.compile(r"[^\S\n]+")
_LETTERS = re.compile(r"[\W_]+")

# Whole lines that are no story text, wherever they stand.
_FURNITURE = re.compile(
    r"""(?xi) ^\W*(?:
    (?:advertisement|photo|video|image|close|more|edit|email|e-mail|print|share|tweet|comments?|log\ in|sign\ up|sign\ me\ up
      |subscribe(?:\ now)?|menu|search|facebook|twitter|whatsapp|linkedin|pinterest|reddit|copy\ link|endnewsmessage\d*
      |view\ comments|leave\ a\ (?:comment|reply)|comments\ are\ closed|no\ comments|post\ a\ comment|back\ to\ gallery
      |related(?:\ (?:content|stories|articles|topics|links|news))?|recommended(?:\ (?:stories|video|videos|for\ you))?
      |read\ (?:more|next|also|full\ story)|see\ also|more\ from\ .{0,40}|more-in|now\ playing|trending(?:\ now)?|most\ read
      |what\ to\ read\ next|sponsored(?:\ content)?|anzeige|publicidad|publicité|реклама|إعلان|广告
      |image\ copyright\ .{0,60}|play\ video|scroll\ down\ for\ video|story\ highlights|url|source|click\ here .{0,60}
      |updated|published|end|ends|newsletter|more_vert|get\ the\ .{0,30}newsletter.{0,20}
    )\W*$
    | .{0,40}continue\ reading(?:\ the\ main\ story|\ below)?.{0,200}$
    | (?:news\ code|reference|article\ id|story\ id|code)\s*[:#]\s*[\w-]{1,20}\W*$
    | (?:\d+\s*)?(?:comments?|shares?|views?|likes?|retweets?)\s*\d*\W*$
    | (?:please\ )?(?:sign\ up|subscribe|log\ in|register|follow\ us|like\ us|join\ us|download\ (?:our|the))\b.{0,160}$
    | (?:we\ use|this\ (?:site|website)\ uses)\ cookies.{0,400}$
    | (?:read\ more|see\ also|related|more|watch|also\ read|read\ also|lire\ aussi|lea\ también|lesen\ sie\ auch|mehr\ zum\ thema)\s*:\ ?.{0,140}$
    | (?:\(?\ ?(?:additional\ |further\ |with\ additional\ )?(?:reporting|editing|writing|compiled|translation|translated|written)\ (?:and\ \w+\ )?by\b).{0,300}$
    | .{0,120}\bcontributed\ (?:to|reporting)\b.{0,60}$
    | (?:with\ (?:assistance|files|agencies|inputs?\ from|reporting)\b).{0,120}$
    | (?:follow\ .{1,60}\ on\ (?:twitter|facebook|instagram)).{0,120}$
    | (?:agencies|with\ agencies|agencias|mit\ agenturmaterial|avec\ agences|от\ редакции)\W*$
    )"""
)
_LEGAL = re.compile(
    r"""(?xi) (?:(?:©|\(c\)|copyright|the-cnn-wire)\W{0,6}.{0,40}(?:19|20)\d\d | all\ rights\ reserved | alle\ rechte\ vorbehalten
    | todos\ los\ derechos\ reservados | tous\ droits\ r[ée]serv[ée]s | tutti\ i\ diritti\ riservati | все\ права\ защищены
    | جميع\ الحقوق\ محفوظة | 版权所有 | 無断転載 | 無断複製
    | this\ material\ may\ not\ be\ published | npr\ transcripts\ are\ created | do\ you\ have\ a\ story\ for )"""
)
_SIGN_OFF = re.compile(rf"(?i)^\W*(?:by\s+|source\s*:\s*|via\s+|quelle\s*:\s*|fuente\s*:\s*)?({_ANY_AGENCY})\W*(?:\d{{1,4}}\W*)?$")
_BYLINE = re.compile(
    r"(?i)^\W*(?:by|von|por|par|di|автор:?|بقلم:?|文)\s+([^\W\d_][^\n]{2,80})$",
)
_INLINE_CREDIT = re.compile(
    rf"(?i)(?:©|\(c\)|copyright)\W{{0,6}}(?:\d{{4}})?\W{{0,4}}({_ANY_AGENCY})\b|\((?:(?:{_ANY_AGENCY})/)?({_ANY_AGENCY})\)"
    rf"|\b(?:via|source:|quelle:|fuente:)\s+({_ANY_AGENCY})\b"
)
_DATELINE = re.compile(
    rf"""(?xi) ^\W{{0,3}}(?P<place>[^\n()—–]{{0,70}}?)\s*
    (?: \((?P<agency>(?:{_ANY_AGENCY})(?:\s*/\s*\w+)?)\)\s*(?:--|[-–—_:,])?\s* | (?P<dash>\s(?:--|[-–—_])\s*) )"""
)
_DATE_LINE = re.compile(
    r"""(?xi) ^\W*(?:(?:first\ )?(?:published|posted|updated|last\ updated|date|on)\b\W*)*
    (?:(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?\W+)?
    (?: (?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)
      | (?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<day>\d{1,2})\W+(?P<year>(?:19|20)\d\d)
      | (?P<day2>\d{1,2})\W+(?P<month2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<year2>(?:19|20)\d\d)
      | \d{1,2}\s*[/.]\s*\d{1,2}\s*[/.]\s*\d{2,4} )
    (?P<rest>.{0,40})$"""
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


def normalise(article: Article) -> Normalised:
    """Set apart what is not the story's own words and read credit, dateline, byline and date off it."""
    lines = [line for raw in article.text.split("\n") if (line := _SPACES.sub(" ", raw).strip())]
    headline = _SPACES.sub(" ", article.headline.replace("\n", " ")).strip()
    credit = agency(article.credit) if article.credit else None
    byline = article.byline
    published = article.published_at
    kept: list[str] = []
    title = _bare(headline)
    for position, line in enumerate(lines):
        head = len(kept) < 2
        if len(line) < 420 or position > len(lines) - 4:
            if title and position < 6 and _is_title(_bare(line), title):
                continue
            if (legal := _LEGAL.search(line)) and (len(line) < 420 or legal.start() > len(line) - 400):
                credit = credit or _credit_in(line)
                line = line[: legal.start()].rstrip() if legal.start() > 200 else ""
            elif sign_off := _SIGN_OFF.match(line):
                credit = credit or agency(sign_off[1])
                line = ""
            elif _FURNITURE.match(line):
                line = ""
            elif head and len(line) < 100:
                if dated := _DATE_LINE.match(line):
                    published = published or _date(dated)
                    line = ""
                elif by := _BYLINE.match(line):
                    byline, credit = byline or by[1].strip(), credit or _credit_in(f"({by[1].rsplit(',', 1)[-1].strip()})")
                    line = ""
        if line:
            kept.append(line)
    if not headline:
        headline, kept = _take_title(kept)
    dateline = article.dateline
    for position in range(min(2, len(kept))):
        place, wire, rest = _split_dateline(kept[position])
        if rest is not None:
            kept[position] = rest
            dateline, credit = dateline or place, credit or wire
            break
    return Normalised(headline, "\n".join(kept), credit, dateline, byline, published)


def agency(name: str) -> str | None:
    """Canonical lower-case form of an agency's or outlet's name; None if nothing of it is left."""
    low = _SPACES.sub(" ", name.strip().strip("()").lower().replace("-", " ")).strip()
    if low in _CANONICAL:
        return _CANONICAL[low]
    first = re.split(r"\s*[/,]\s*|\s+via\s+", low)[0]
    return _CANONICAL.get(first, low or None)


def _bare(line: str) -> str:
    return _LETTERS.sub("", line.casefold())


def _is_title(line: str, title: str) -> bool:
    """The line is the headline again, possibly cut off or with a site's name behind it."""
    if not line:
        return False
    short, long = sorted((line, title), key=len)
    return line == title or (len(short) > 20 and long.startswith(short) and len(long) - len(short) < 40)


def _credit_in(line: str) -> str | None:
    found = _INLINE_CREDIT.search(line)
    return agency(next(group for group in found.groups() if group)) if found else None


def _split_dateline(line: str) -> tuple[str | None, str | None, str | None]:
    """(place, agency, the line behind them); the last is None where there is no dateline."""
    found = _DATELINE.match(line)
    if not found:
        return None, None, None
    place = found["place"].strip(" ,")
    first = place.split(",")[0]
    wire = agency(found["agency"]) if found["agency"] else None
    looks_right = first.isupper() or (not first and wire) or (wire and len(place.split()) <= 8)
    if not looks_right or (not wire and len(first) < 3):
        return None, None, None
    return place or None, wire, line[found.end() :].lstrip(" -–—_")


def _take_title(kept: list[str]) -> tuple[str, list[str]]:
    """A short first line without a full stop, followed by longer text, is the headline of a text that has none."""
    if len(kept) < 2:
        return "", kept
    first = kept[0]
    longest = max(len(line) for line in kept[1:])
    repeated = _bare(kept[1]) == _bare(first)
    if repeated or (8 <= len(first) <= 120 and first[-1] not in ".!。．।؟…:;,\"”" and longest > len(first)):
        return first, kept[2:] if repeated else kept[1:]
    return "", kept


def _date(found: re.Match[str]) -> datetime | None:
    month = found["month"] or found["month2"]
    try:
        if found["y"]:
            return datetime(int(found["y"]), int(found["m"]), int(found["d"]), tzinfo=UTC)
        if month:
            year, day = found["year"] or found["year2"], found["day"] or found["day2"]
            return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC)
    except ValueError:
        return None
    return None


_TRACKING = re.compile(r"(?i)^(?:utm_\w+|fbclid|gclid|dclid|msclkid|yclid|mc_[ce]id|igshid|ns_\w+|cmpid?|ocid|ito|smid|smtyp|xtor|wt\.\w+|amp|outputtype|partner|ref|ref_src|referrer|source|src|spm|sr_share|taid|via|_ga|cid|ncid|icid|s_cid|ftag|mod|rss|feed\w*)$")
_MOBILE = re.compile(r"^(?:www|m|mobile|amp|edition-m|wap)\.(?=[^.]+\.)")


def canonical_url(url: str) -> str:
    """One form for every way a page is linked: no tracking parameters, AMP or mobile host, fragment or port.

    Parameters that may carry identity (`id`, `p`, `story`, …) stay, in alphabetical order. The scheme is dropped to
    https; a string that is no web address is returned stripped.
    """
    parts = urlsplit(url.strip())
    if not parts.netloc and "://" not in url:
        return url.strip()
    host = _MOBILE.sub("", (parts.hostname or "").lower())
    path = re.sub(r"(?i)(?:/amp(?:\.html)?|\.amp(?:\.html)?)$|^/amp(?=/)", "", parts.path)
    path = re.sub(r"(?i)\.amp(?=\.html$)", "", path).rstrip("/") or "/"
    query = sorted((k, v) for k, v in parse_qsl(parts.query, keep_blank_values=True) if not _TRACKING.match(k))
    return urlunsplit(("https", host, path, urlencode(query), ""))
