"""Known forms of what is no story text, and the agencies it is credited to: tables and patterns, no more.

They are matched line by line by `worker.core.normalise`. Every pattern is bounded: none backtracks for long.
"""

import re
from typing import Final

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

CANONICAL: Final = {
    alias.replace("[- ]", " "): name for name, aliases in AGENCIES.items() for alias in aliases.split("|")
}
AGENCY: Final = "|".join(
    sorted((a for aliases in AGENCIES.values() for a in aliases.split("|")), key=len, reverse=True)
)

SHORT: Final = 420
"""Characters. Longer lines are paragraphs, and searched for nothing but what ends a text."""

BUTTONS: Final = frozenset(
    """advertisement|photo|video|image|images|close|more|edit|email|e-mail|print|share|share this article|share this
    tweet|comment|comments|log in|sign in|sign up|sign me up|subscribe|subscribe now|menu|search|facebook|twitter
    whatsapp|linkedin|pinterest|reddit|google+|copy link|view comments|leave a comment|leave a reply|comments are closed
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
OPENERS: Final = frozenset(
    """related|read|watch|more|see|also|sign|subscribe|log|register|follow|like|join|download|click|get|this|we|news
    article|story|reference|code|comments|share|shares|reporting|(reporting|additional|(additional|editing|(editing
    writing|(writing|compiled|(compiled|translated|(translated|with|(with|image|media|continue|please|endnewsmessage1
    lire|lea|lesen|leia|leggi|читайте|اقرأ|mehr|file|(file|photo|photo:|photograph|foto|foto:|newsletter
    """.replace("\n", "|")
    .replace("    ", "")
    .strip("|")
    .split("|")
)
FURNITURE = re.compile(
    r"""(?xi) (?:
      (?:news\ code|reference|article\ id|story\ id|code)\s*[:#]\s*[\w-]{1,20}\W*$
    | (?:comments|shares?)\W*\d*\W*$ | endnewsmessage\d
    | (?:please\ )?(?:sign\ up|subscribe|log\ in|register|follow\ us|like\ us|join\ us|download\ (?:our|the))\b
    | get\ the\ .{0,40}newsletter\b | newsletter\ sign\ up | we\ use\ cookies | this\ (?:web)?site\ uses\ cookies
    | we\ pay\ for\ your\ stories | click\ here\b | more\ from\ .{0,40}$
    | (?:read\ more|see\ also|related|more|watch|also\ read|read\ also|lire\ aussi|lea\ también|leia\ também
      |leggi\ anche|lesen\ sie\ auch|mehr\ zum\ thema|читайте\ также|اقرأ\ أيضا?ً?)\s*[:：]
    | \(?(?:additional\ |further\ |with\ additional\ )?(?:reporting|editing|writing|compiled|translated)
      \ (?:and\ \w+\ )?by\b
    | \(?with\ (?:assistance|files|agency|inputs?|reporting)\ (?:from|by|inputs?)\b
    | follow\ .{1,60}\ on\ (?:twitter|facebook|instagram|x)\b
    | image\ copyright\b | media\ (?:playback|caption)\b | continue\ reading\b
    | \(?file\ ?(?:photo|image|picture|[-–—]) | \(?(?:photo|foto)\s*:
    )"""
)
"""How such lines begin, tried where the first word is one of `OPENERS`."""

PICTURE = re.compile(
    r"(?i)\(?(?:AP Photo|Photo by|Foto:|Image: )[^()\n]{0,80}\)?$|/ ?Getty Images\)?$|\bREUTERS/[A-Z][^\n]{2,40}$"
)
"""How captions end."""

LEGAL = re.compile(
    r"""(?xi) (?:©|\(c\)\ |copyright\b|the-cnn-wire)\W{0,6}.{0,40}?(?:19|20)\d\d | all\ rights\ reserved
    | alle\ rechte\ vorbehalten | (?:todos\ los|todos\ os)\ (?:derechos|direitos)\ reservados
    | tous\ droits\ r[ée]serv[ée]s | tutti\ i\ diritti\ riservati | все\ права\ защищены
    | جميع\ الحقوق\ محفوظة | کلیه\ حقوق | 版权所有 | 著作権 | 無断転載 | 無断複製 | 不得转载
    | this\ material\ may\ not\ be\ published | npr\ transcripts\ are\ created | do\ you\ have\ a\ story\ for"""
)


def _hints(*words: str) -> tuple[tuple[str, str], ...]:
    """Hints, each with its first character that is no ASCII letter, if it has one: looked for first, it saves most
    texts the hints in other scripts, and to look for one character takes a tenth of the time."""
    return tuple(
        (next((c for c in word if c != " " and not (c.isascii() and c.isalpha())), word), word) for word in words
    )


LEGAL_HINTS: Final = _hints(
    "©", "(c) ", "copyright", "cnn-wire", "reserved", "vorbehalten", "reservados", "réserv", "riservati", "защищены",
    "محفوظة", "حقوق", "版权", "著作", "無断", "转载", "may not be published", "transcripts are", "have a story for",
)  # fmt: skip
"""One of these stands in every text in which `LEGAL` can match: looking for them is far cheaper."""

TAIL = re.compile(
    r"""(?xi) \(?\b(?:additional\ |further\ )?(?:reporting|editing|writing)\ by\b[^\n]{0,300}$
    | \bread\ the\ original\ article\b[^\n]{0,200}$
    | ^[^\n]{0,140}\bcontributed\ (?:to\ this|reporting|from)\b[^\n]{0,80}$"""
)
TAIL_HINTS: Final = _hints("eporting by", "diting by", "riting by", "riginal article", "contributed ")
SIGN_OFF = re.compile(
    rf"(?i)\W*(?:by\s+|(?:source|via|quelle|fuente|источник|المصدر)\s*:?\s*)?({AGENCY})\W*(?:\d{{1,4}}\W*)?$"
)
BYLINE = re.compile(
    r"\W*(?:By|BY|Von|VON|Por|POR|Par|PAR|Di|DI|Автор:?|بقلم:?|文/)\s+(?=[^\W\d_])([^\n]{2,80}(?<![.!?…。]))$"
)
INLINE_CREDIT = re.compile(
    rf"(?i)(?:©|\(c\)|copyright)\W{{0,6}}(?:\d{{4}})?\W{{0,4}}({AGENCY})\b|\(({AGENCY})(?:/\w+)?\)"
    rf"|\b(?:via|source:|quelle:|fuente:)\s+({AGENCY})\b"
)
DATE_LINE = re.compile(
    r"""(?xi) \W*(?:(?:first\ )?(?:published|posted|updated|last\ updated|date|on)\b\W*)*
    (?:(?:mon|tues?|wed(?:nes)?|thurs?|fri|sat(?:ur)?|sun)(?:day)?\W+)?
    (?: (?P<y>(?:19|20)\d\d)-(?P<m>\d\d)-(?P<d>\d\d)
      | (?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<day>\d{1,2})\W+(?P<year>(?:19|20)\d\d)
      | (?P<day2>\d{1,2})\W+(?P<month2>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*\W+(?P<year2>(?:19|20)\d\d)
      | \d{1,2}\s*[/.]\s*\d{1,2}\s*[/.]\s*\d{2,4} )
    .{0,40}$"""
)
MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
DATELINE = re.compile(
    rf"(?i)\W{{0,3}}(?P<place>[^\n()—–]{{0,70}}?)\s*"
    rf"(?:\((?P<agency>(?:{AGENCY})(?:\s*/\s*\w+)?)\)\s*(?:--|[-–—_:,])?\s*|\s(?:--|[-–—_])\s+)"
)
DASHES: Final = ("(", " -", "—", "–", " _")
DIVIDERS = re.compile(r"\s*[/,;]\s*|\s+via\s+|\s+and\s+")
