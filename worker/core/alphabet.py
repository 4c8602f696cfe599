"""What every code point is to the tokeniser, as one array indexed by code point, and the calendar words.

Two spellings of one text must give the same words. So letters are folded, consistently and without asking for the
language: case away (simple case folding, σ and ς alike), Latin and Greek letters to their base letter (café = cafe,
Łódź = lodz; ß = ss, æ = ae, œ = oe), ё to е, the forms of alef, yeh and kaf to one, decimal digits of every script to
0-9. Cyrillic and Greek letters that look like Latin ones (Unicode's confusables.txt, single letters) become Latin:
in Russian or Greek text that happens to every word alike and harms nothing, in mixed text it undoes the disguise.
Not covered: look-alikes of other scripts, digits that look like letters, й, ї and the like (letters of their own).
"""

import unicodedata
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from worker.core import kernel

_SIZE: Final = 0x110000
_IDEOGRAPHS: Final = 0x20000  # planes 2 and 3 hold nothing else, assigned or to come
_TAGS: Final = 0xE0000  # plane 14: language tags and variation selectors

_KINDS: Final = {
    **dict.fromkeys(("Lu", "Lt"), kernel.LETTER | kernel.UPPER),
    "Ll": kernel.LETTER | kernel.LOWER,
    **dict.fromkeys(("Lo", "Lm", "Nl", "No", "Mn", "Mc"), kernel.LETTER),
    "Nd": kernel.DIGIT,
    **dict.fromkeys(("Cf", "Me"), kernel.SKIP),  # soft hyphen, zero width, bidi controls; enclosing marks
    "Zs": kernel.SPACE,
    **dict.fromkeys(("Zl", "Zp"), kernel.NEWLINE),
    "Pi": kernel.QUOTE,
    "Pf": kernel.QUOTE,
}

_MARKS: Final = {
    "\t\r": kernel.SPACE,
    "\n\x0b\x0c\x85": kernel.NEWLINE,
    "!?¡¿‽;؟۔।॥။።፧។៕。": kernel.STOP,
    ".٫": kernel.POINT,
    ",٬": kernel.COMMA,
    "\"'„‚「」『』〝〞〟": kernel.QUOTE,
    "ʹʺʻʼʽʾʿˈˊˋꞋꞌߴߵ": kernel.SEPARATOR,  # letters by category, apostrophes by use
    "ـ\u034f\u180b\u180c\u180d": kernel.SKIP,  # tatweel, grapheme joiner, Mongolian selectors
}

# What lower-case letters are written as where no decomposition tells: those with a stroke, pairs, and look-alikes.
_SPELLINGS: Final = (
    dict(zip("łøđðħıŧɑɡ", "loddhitag", strict=True))
    | {"ß": "ss", "æ": "ae", "œ": "oe", "þ": "th"}
    | dict(zip("авекмнорстухіјѕһԁԛԝё", "abekmhopctyxijshdqwe", strict=True))
    | {"ѐ": "e", "ѝ": "и"}
    | dict(zip("αβεζηικμνορτυχ", "abezhikmvoptyx", strict=True))
    | dict.fromkeys("آأإٱ", "ا")
    | dict.fromkeys("ىیېے", "ي")
    | dict.fromkeys("کڪ", "ك")
)

_UNSPACED: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x1950, 0x1AAF),  # Tai scripts
    (0x2E80, 0x312F),  # radicals, kana, bopomofo
    (0x31A0, 0x31FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xA9E0, 0xA9FF),  # Myanmar extended
    (0xAA60, 0xAADF),
    (0xF900, 0xFAFF),
    (0x1AFF0, 0x1B16F),  # kana extended
)


@cache
def table() -> NDArray[np.uint32]:
    """One entry a code point: its kind in bits 0-3, case in 4-5, a second letter in 6-7, the folded code point above.

    Built from the interpreter's Unicode data, in some 40 ms. Pages of the planes no text uses are never touched.
    """
    out = np.zeros(_SIZE, np.uint32)
    ideographs = np.arange(_IDEOGRAPHS, 2 * _IDEOGRAPHS, dtype=np.uint32)
    out[_IDEOGRAPHS : 2 * _IDEOGRAPHS] = ideographs << kernel.FOLDED | kernel.UNSPACED
    out[_TAGS : _TAGS + 0x1000] = kernel.SKIP
    _fill(out[:_IDEOGRAPHS])
    out.setflags(write=False)
    return out


def _fill(out: NDArray[np.uint32]) -> None:
    """Fill in planes 0 and 1."""
    kinds = map(_KINDS.get, map(unicodedata.category, map(chr, range(len(out)))))
    out[:] = np.fromiter((kind or 0 for kind in kinds), np.uint32, len(out))
    kind = out & kernel.KIND
    for first, last in _UNSPACED:
        out[first : last + 1][kind[first : last + 1] == kernel.LETTER] = kernel.UNSPACED
    for code in np.flatnonzero(kind == kernel.LETTER).tolist():
        if _is_accent(code):
            out[code] = kernel.SKIP
    for characters, mark in _MARKS.items():
        out[[ord(c) for c in characters]] = mark
    letters = np.flatnonzero(np.isin(out & kernel.KIND, (kernel.LETTER, kernel.UNSPACED)))
    out[letters] |= letters.astype(np.uint32) << kernel.FOLDED
    cased = np.flatnonzero(out & (kernel.UPPER | kernel.LOWER)).tolist()
    for code in {*cased, *map(ord, _SPELLINGS)}:
        first, *second = map(ord, _spelling(chr(code)))
        kind_and_case = int(out[code]) & 0x3F
        out[code] = kind_and_case | kernel.SECOND_LETTERS.index(sum(second)) << 6 | first << kernel.FOLDED
    for code in np.flatnonzero(kind == kernel.DIGIT).tolist():
        out[code] = kernel.DIGIT | (ord("0") + unicodedata.decimal(chr(code))) << kernel.FOLDED


def _is_accent(code: int) -> bool:
    """Tell marks that are left out (accents, harakat, points) from those that spell (vowel signs, viramas, tones).

    By canonical combining class: 10-36 are Hebrew and Arabic points, 1 and from 200 on accents; vowel signs have 0,
    viramas 9, the tones and vowels of Thai, Lao and Tibetan 84-132.
    """
    combining = unicodedata.combining(chr(code))
    return combining == 1 or 10 <= combining <= 36 or combining >= 200 or 0xFE00 <= code <= 0xFE0F


def _spelling(letter: str) -> str:
    """Fold a letter to one or two."""
    base = unicodedata.normalize("NFD", letter)[0]
    if base < "\u0400":  # Latin and Greek: away with the accents
        letter = base
    folded = letter.casefold()
    folded = folded if len(folded) == 1 else letter.lower()[0]
    return _SPELLINGS.get(folded, folded)


CALENDAR: Final = """
january february april june july august september october november december
monday tuesday wednesday thursday friday saturday sunday today yesterday tomorrow
januar februar märz mai juni juli oktober dezember jänner
montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag heute gestern morgen
janvier février mars avril juin juillet août septembre octobre novembre décembre
lundi mardi mercredi jeudi vendredi samedi dimanche aujourd hui hier demain
enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre
lunes martes miércoles jueves viernes sábado domingo hoy ayer mañana
gennaio febbraio aprile maggio giugno luglio settembre ottobre dicembre
lunedì martedì mercoledì giovedì venerdì sabato domenica oggi ieri domani
janeiro fevereiro março maio junho julho setembro outubro novembro dezembro
segunda terça quarta quinta sexta feira hoje ontem amanhã
januari februari maart mei augustus
maandag dinsdag woensdag donderdag vrijdag zaterdag zondag vandaag gisteren
январь января январе февраль февраля феврале март марта марте апрель апреля апреле май мая мае июнь июня июне
июль июля июле август августа августе сентябрь сентября сентябре октябрь октября октябре ноябрь ноября ноябре
декабрь декабря декабре понедельник понедельника вторник вторника среда среды среду четверг четверга
пятница пятницы пятницу суббота субботы субботу воскресенье воскресенья сегодня вчера завтра
"""
"""Months, weekdays, yesterday to tomorrow in English, German, French, Spanish, Italian, Portuguese, Dutch, Russian."""

CALENDAR_CAPITALISED: Final = "march may jan feb mar apr aug sep sept oct nov dec mon tue tues wed thu thurs fri"
"""English ones that are other words in small letters."""
