"""The same text set differently, as systems on the way of an article do: spaces, line breaks, quotes, digits, marks."""

import re
import textwrap
from random import Random

STRAIGHT = str.maketrans("“”„«»‘’–—", '"""""\'\'--')
PERSIAN = str.maketrans("0123456789", "۰۱۲۳۴۵۶۷۸۹")
ARABIC_INDIC = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
FULL_WIDTH = str.maketrans("0123456789%", "０１２３４５６７８９％")
HARAKAT = "\u064e\u064f\u0650\u0652"
ARABIC_LETTER = re.compile(r"(?<=[\u0628-\u064a])(?=[\u0628-\u064a])")


def reset(text: str, language: str, rng: Random) -> tuple[str, str]:
    """A text set anew, and how: its words, and their order, stay the same."""
    kinds = ["as it was", "one newline", "straight quotes", "spaces"]
    if language in ("en", "de", "es", "ru"):
        kinds += ["wrapped", "no-break spaces"]
    elif language == "ar":
        kinds = ["as it was", "harakat", "Persian digits", "Arabic-Indic digits", "harakat and digits"]
    elif language in ("zh", "ja"):
        kinds += ["full-width digits"]
    kind = rng.choice(kinds)
    return _set(text, kind, rng), kind


def _set(text: str, kind: str, rng: Random) -> str:
    match kind:
        case "one newline":
            return text.replace("\n\n", "\n")
        case "straight quotes":
            return text.translate(STRAIGHT)
        case "spaces":
            return "  " + text.replace("\n\n", " \r\n\r\n   ") + " \n"
        case "no-break spaces":
            return re.sub(r"(?<=\d) | (?=\d)", "\u00a0", text)
        case "wrapped":
            return "\n\n".join(textwrap.fill(p, 72, break_on_hyphens=False) for p in text.split("\n\n"))
        case "harakat":
            return _marked(text, rng)
        case "Persian digits":
            return text.translate(PERSIAN)
        case "Arabic-Indic digits":
            return text.translate(ARABIC_INDIC)
        case "harakat and digits":
            return _marked(text, rng).translate(PERSIAN)
        case "full-width digits":
            return text.translate(FULL_WIDTH)
    return text


def _marked(text: str, rng: Random) -> str:
    return ARABIC_LETTER.sub(lambda _: rng.choice(HARAKAT) if rng.random() < 0.5 else "", text)
