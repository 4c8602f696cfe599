"""From an article as delivered to the text that is matched: what is not the story's own is set apart."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from worker.core.article import Article

AGENCIES: Final = {
    "reuters": "reuters|رویترز|reuter|thomson reuters|رويترز|路透社|рейтер",
    "ap": "ap|apnews|the associated press|associated press|美联社",
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

_CANONICAL: Final = {
    alias.replace("[- ]", " "): name for name, aliases in AGENCIES.items() for alias in aliases.split("|")
}
_AGENCY: Final = "|".join(
    sorted((a for aliases in AGENCIES.values() for a in aliases.split("|")), key=len, reverse=True)
)


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
    found = _Found(agency(article.credit or ""), article.dateline, article.byline, article.published_at)
    lines = [line for raw in article.text.split("\n") if (line := raw.strip())]
    kept = _without_furniture(lines, headline, found)
    if not headline:
        headline, kept = _take_title(kept)
    for at in range(min(2, len(kept))):
        if (opened := _split_dateline(kept[at], found)) is not None:
            kept[at] = opened
            break
    return Normalised(headline, "\n".join(kept), found.credit, found.dateline, found.byline, found.published_at)


def agency(name: str) -> str | None:
    """Canonical lower-case form of the name or domain of an agency or outlet; None if nothing of it is left."""
    low = " ".join(name.strip().strip("()").lower().replace("-", " ").split())
    if low in _CANONICAL:
        return _CANONICAL[low]
    parts = _DIVIDERS.split(low) if " " in low or "/" in low else low.split(".")
    return next((_CANONICAL[part] for part in parts if part in _CANONICAL), low or None)


# --- lines that are no story text ---------------------------------------------------------------------------------

_SHORT: Final = 420
"""Characters. Longer lines are paragraphs, and searched for nothing but what ends a text."""

_BUTTONS: Final = frozenset(
    """advertisement|photo|video|image|images|close|more|edit|email|e-mail|print|share|share this article|share this|tweet
    comment|comments|log in|sign in|sign up|sign me up|subscribe|subscribe now|menu|search|facebook|twitter|whatsapp
    linkedin|pinterest|reddit|google+|copy link|view comments|leave a comment|leave a reply|comments are closed
    no comments|post a comment|back to gallery|related|related content|related stories|related articles|related topics
    related links|related news|related coverage|recommended|recommended stories|recommended video|recommended videos
    recommended for you|read more|read next|read also|read full story|see also|more-in|more in|now playing|trending
    trending now|most read|most popular|what to read next|sponsored|sponsored content|play video|scroll down for video
    story highlights|url|click here to comment on this article|updated|published|end|ends|newsletter|more_vert
    purchase: order reprint|continue reading|story continues below advertisement|connect tweet linkedin commentemailmore
    facebookemail twitter google+ linkedin pinterest|agencies|with agencies|more from|top stories|latest news
    anzeige|werbung|drucken|teilen|kommentare|mehr zum thema|das könnte sie auch interessieren|mit agenturmaterial
    publicidad|compartir|comentarios|lea también|relacionado|agencias|con información de agencias|te puede interesar
    publicité|partager|commentaires|lire aussi|à lire aussi|avec agences|pubblicità|condividi|leggi anche|commenti
    publicidade|compartilhar|leia mais|leia também|реклама|поделиться|комментарии|читайте также|подробнее
    إعلان|شارك|مشاركة|تعليقات|اقرأ أيضا|اقرأ أيضاً|المزيد|تبلیغات|广告|分享|评论|相关阅读|相关新闻|責任編輯|責任编辑
    広告|シェア|関連記事|コメント|続きを読む""".replace("\n", "|")
    .replace("    ", "")
    .split("|")
)
_OPENERS: Final = frozenset(
    """related|read|watch|more|see|also|sign|subscribe|log|register|follow|like|join|download|click|get|this|we|news
    article|story|reference|code|comments|share|shares|reporting|(reporting|additional|(additional|editing|(editing
    writing|(writing|compiled|(compiled|translated|(translated|with|(with|image|media|continue|please|endnewsmessage1
    lire|lea|lesen|leia|leggi|читайте|اقرأ|mehr|file|(file|photo|photo:|photograph|foto|foto:|newsletter
    """.replace("\n", "|")
    .replace("    ", "")
    .strip("|")
    .split("|")
)
_FURNITURE = re.compile(
    r"""(?xi) (?:
      (?:news\ code|reference|article\ id|story\ id|code)\s*[:#]\s*[\w-]{1,20}\W*$
    | (?:comments|shares?)\W*\d*\W*$ | endnewsmessage\d
    | (?:please\ )?(?:sign\ up|subscribe|log\ in|register|follow\ us|like\ us|join\ us|download\ (?:our|the)|get\ the\ .{0,40}newsletter)\b
    | newsletter\ sign\ up | we\ use\ cookies | this\ (?:site|website)\ uses\ cookies | we\ pay\ for\ your\ stories | click\ here\b
    | (?:read\ more|see\ also|related|more|watch|also\ read|read\ also|lire\ aussi|lea\ también|leia\ também|leggi\ anche|lesen\ sie\ auch
      |mehr\ zum\ thema|читайте\ также|اقرأ\ أيضا?ً?)\s*[:：]
    | more\ from\ .{0,40}$ | \(?(?:additional\ |further\ |with\ additional\ )?(?:reporting|editing|writing|compiled|translated)\ (?:and\ \w+\ )?by\b
    | \(?with\ (?:assistance|files|agency|inputs?|reporting)\ (?:from|by|inputs?)\b | follow\ .{1,60}\ on\ (?:twitter|facebook|instagram|x)\b
    | image\ copyright\b | media\ (?:playback|caption)\b | continue\ reading\b | \(?file\ ?(?:photo|image|picture|[-–—]) | \(?(?:photo|foto)\s*:
    )"""
)
_PICTURE = re.compile(
    r"(?i)\(?(?:AP Photo|Photo by|Foto:|Image: )[^()\n]{0,80}\)?$|/ ?Getty Images\)?$|\bREUTERS/[A-Z][^\n]{2,40}$"
)
_LEGAL = re.compile(
    r"""(?xi) (?:©|\(c\)\ |copyright\b|the-cnn-wire)\W{0,6}.{0,40}?(?:19|20)\d\d | all\ rights\ reserved | alle\ rechte\ vorbehalten
    | (?:todos\ los|todos\ os)\ (?:derechos|direitos)\ reservados | tous\ droits\ r[ée]serv[ée]s | tutti\ i\ diritti\ riservati
    | все\ права\ защищены | جميع\ الحقوق\ محفوظة | کلیه\ حقوق | 版权所有 | 著作権 | 無断転載 | 無断複製 | 不得转载
    | this\ material\ may\ not\ be\ published | npr\ transcripts\ are\ created | do\ you\ have\ a\ story\ for"""
)
_LEGAL_HINTS: Final = (
    "©", "(c) ", "copyright", "cnn-wire", "reserved", "vorbehalten", "reservados", "réserv", "riservati", "защищены",
    "محفوظة", "حقوق", "版权", "著作", "無断", "转载", "may not be published", "transcripts are", "have a story for",
)  # fmt: skip
_TAIL = re.compile(
    r"""(?xi) \(?\b(?:additional\ |further\ )?(?:reporting|editing|writing)\ by\b[^\n]{0,300}$ | \bread\ the\ original\ article\b[^\n]{0,200}$
    | ^[^\n]{0,140}\bcontributed\ (?:to\ this|reporting|from)\b[^\n]{0,80}$"""
)
_TAIL_HINTS: Final = ("eporting by", "diting by", "riting by", "riginal article", "contributed ")
_SIGN_OFF = re.compile(
    rf"(?i)\W*(?:by\s+|source\s*:\s*|via\s+|quelle\s*:\s*|fuente\s*:\s*|источник\s*:\s*|المصدر\s*:\s*)?({_AGENCY})\W*(?:\d{{1,4}}\W*)?$"
)
_BYLINE = re.compile(
    r"\W*(?:By|BY|Von|VON|Por|POR|Par|PAR|Di|DI|Автор:?|بقلم:?|文/)\s+(?=[^\W\d_])([^\n]{2,80}(?<![.!?…。]))$"
)
_INLINE_CREDIT = re.compile(
    rf"(?i)(?:©|\(c\)|copyright)\W{{0,6}}(?:\d{{4}})?\W{{0,4}}({_AGENCY})\b|\(({_AGENCY})(?:/\w+)?\)"
    rf"|\b(?:via|source:|quelle:|fuente:)\s+({_AGENCY})\b"
)
_DATE_LINE = re.compile(
    r"""(?xi) \W*(?:(?:first\ )?(?:published|posted|updated|last\ updated|date|on)\b\W*)*
    (?:(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?\W+)?
    (?: (?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)
      | (?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<day>\d{1,2})\W+(?P<year>(?:19|20)\d\d)
      | (?P<day2>\d{1,2})\W+(?P<month2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<year2>(?:19|20)\d\d)
      | \d{1,2}\s*[/.]\s*\d{1,2}\s*[/.]\s*\d{2,4} )
    .{0,40}$"""
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATELINE = re.compile(
    rf"(?i)\W{{0,3}}(?P<place>[^\n()—–]{{0,70}}?)\s*"
    rf"(?:\((?P<agency>(?:{_AGENCY})(?:\s*/\s*\w+)?)\)\s*(?:--|[-–—_:,])?\s*|\s(?:--|[-–—_])\s+)"
)
_DASHES: Final = ("(", " -", "—", "–", " _")
_DIVIDERS = re.compile(r"\s*[/,;]\s*|\s+via\s+|\s+and\s+")


def _without_furniture(lines: list[str], headline: str, found: _Found) -> list[str]:
    low = "\n".join(lines).lower()
    legal = any(hint in low for hint in _LEGAL_HINTS)
    tail = any(hint in low for hint in _TAIL_HINTS)
    title = _bare(headline)
    kept: list[str] = []
    for at, line in enumerate(lines):
        ending = at >= len(lines) - 4
        if at < 6 and title and _is_title(line, title):
            continue
        if len(line) < 2 * _SHORT and _is_furniture(line, at > 0 and _runs_on(lines[at - 1])):
            continue
        if len(line) < 60 and _is_sign_off(line, found):
            continue
        if len(kept) < 2 and len(line) < 100 and _is_head(line, found):
            continue
        if legal and (ending or len(line) < _SHORT):
            line = _cut(line, _LEGAL, found)
        if tail and (ending or len(line) < _SHORT):
            line = _cut(line, _TAIL, found)
        if line:
            kept.append(line)
    return kept


def _runs_on(line: str) -> bool:
    """In hard-wrapped text: the next line may begin with any word."""
    return len(line) >= 45 and line[-1] not in '.!?:…"”)'


def _is_furniture(line: str, running_on: bool) -> bool:
    low = line.lower()
    if "verify you're not a robot" in low:
        return True
    if low.strip(" :|•·×»›>.…") in _BUTTONS and line[-1] != ".":
        return True
    if not running_on and len(line) < _SHORT and low.split(None, 1)[0] in _OPENERS and _FURNITURE.match(line):
        return True
    return line[-1] not in '.!?"”' and ("/" in line or "hoto" in line) and bool(_PICTURE.search(line))


def _is_sign_off(line: str, found: _Found) -> bool:
    signed = _SIGN_OFF.match(line)
    if signed:
        found.credit = found.credit or agency(signed[1])
    return bool(signed)


def _is_head(line: str, found: _Found) -> bool:
    """A line that holds nothing but the date or the author."""
    if dated := _DATE_LINE.match(line):
        found.published_at = found.published_at or _date(dated)
        return True
    if by := _BYLINE.match(line):
        found.byline = found.byline or by[1].strip()
        found.credit = found.credit or _credit_in(f"({by[1].rsplit(',', 1)[-1].strip()})")
    return bool(by)


def _cut(line: str, pattern: re.Pattern[str], found: _Found) -> str:
    """The line up to a notice that runs to its end; nothing if little stands before it."""
    notice = pattern.search(line)
    if not notice or len(line) - notice.start() > _SHORT:
        return line
    found.credit = found.credit or _credit_in(line[notice.start() :])
    before = line[: notice.start()].rstrip()
    return before if len(before) > 60 else ""


def _bare(line: str) -> str:
    return "".join(filter(str.isalnum, line.casefold()))


def _is_title(line: str, title: str) -> bool:
    """The line is the headline again, possibly cut off with an ellipsis or with a site's name behind it."""
    if len(line) > 3 * len(title) + 40:
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
    credit = _INLINE_CREDIT.search(text)
    return agency(next(group for group in credit.groups() if group)) if credit else None


def _split_dateline(line: str, found: _Found) -> str | None:
    """The line behind its dateline, or None if it has none."""
    head = line[:110]
    if not any(dash in head for dash in _DASHES):
        return None
    opened = _DATELINE.match(head)
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
            return datetime(int(year), _MONTHS.index(month.lower()) + 1, int(day), tzinfo=UTC)
    except ValueError:  # 2023-02-30
        return None
    return None


# --- addresses ----------------------------------------------------------------------------------------------------

_TRACKING = re.compile(
    r"(?i)^(?:utm_\w+|fbclid|gclid|dclid|msclkid|yclid|mc_[ce]id|igshid|ns_\w+|cmpid?|ocid|ito|smid|smtyp|xtor|wt\.\w+|amp|outputtype|partner|ref|ref_src|referrer|source|src|spm|sr_share|taid|via|_ga|cid|ncid|icid|s_cid|ftag|mod|rss|feed\w*)$"
)
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
