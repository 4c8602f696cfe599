"""Writers with real words: a small grammar per language, in `grammars/*.txt`.

Real text has far more words than such a file: to come near its variety (two unrelated articles share about one word
3-gram), every list is grown by blends of its own words, and most sentences are free ones, of short parts.

A file has sections `[name]` of alternatives, one a line or several parted by ` | `. `{name}` in an alternative
stands for any alternative of that section; `{name1}`, `{name2}` … keep their value within one item. Some slots are
made here: `{n}` a number of 2 to 5 digits, `{small}` 2 to 40, `{s}` 0 to 60, `{pct}`, `{dec}` (4.31), `{year}`,
`{day}`, `{clock}`, `{name}` (first and last), `{surname}`, `{proper}` (a place nobody heard of). `[lookalike]` holds
templates, a headline line first, parted by `---`.
"""

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random

from benchmarks.drafts import Draft, Script, Sentence, Topic

FOLDER = Path(__file__).with_name("grammars")
LETTERS_PER_WORD = {"zh": 1.6, "ja": 2.2, "th": 4.5}
SLOT = re.compile(r"\{([a-z_]+?)(\d?)\}")
PIECE = re.compile(r"\{[a-z_]+\d?\}|[^{}]+")
GROWTH = {"noun": 12, "adj": 8, "verb": 8, "people": 5, "town": 6, "first": 4, "last": 6}
"""How many blends are made of each word of a list."""
FACTS = {"n": 6, "pct": 2, "small": 3, "year": 2, "date": 2, "weekday": 1, "month": 2, "clock": 2, "time": 5}
"""How many figures, dates and times of each kind an event has, which all that write about it draw on."""
THAI_C, THAI_F = "กขคงจชซดตถทนบปผพฟมยรลวสหอ", "กงดนบมยว"
THAI_V = (("", "าีิูุะ"), ("เแโ", ("",)), ("", ("ั", "า", "ี")))
"""Shapes of a syllable: what stands before its consonant, and what after."""
OPEN = {"place": ("open_place", 0.85), "time": ("open_time", 0.85), "claim": ("clause", 0.75), "tail": ("clause", 0.7)}
"""Slots that are mostly filled from another section, whose entries are short."""

THOUSANDS = {"en": ",", "de": ".", "es": ".", "ru": " ", "ar": "", "zh": "", "ja": "", "th": ","}
DECIMAL = {"de": ",", "es": ",", "ru": ",", "ar": ","}


def languages() -> list[str]:
    """The languages there is a grammar for, English first."""
    return sorted((p.stem for p in FOLDER.glob("*.txt")), key=lambda code: (code != "en", code))


class Grammar:
    """A language's writer: a `benchmarks.drafts.Voice`."""

    def __init__(self, language: str) -> None:
        self.language = language
        self.sections = read_sections(FOLDER / f"{language}.txt")
        self.templates = [template.splitlines() for template in self.sections.pop("lookalike")]
        opening, closing = self.sections["quotes"][0].split()
        spaced = self.sections["joiner"] == ["space"]
        gap = " " if spaced or language == "th" else ""
        self.script = Script(gap, LETTERS_PER_WORD.get(language, 0.0), (opening, closing))
        self.spaced = spaced
        grown = Random(language)
        for section, times in GROWTH.items():
            self.sections[section] += _blends(self.sections[section], times, language, grown)
        self._vocabulary = [w for s in ("noun", "adj", "people", "verb") for w in self.sections[s]]
        self._leaves = frozenset(self._vocabulary)
        self._made = _makers(language)

    def topic(self, rng: Random) -> Topic:
        """A new event: a town, two bodies in charge, some people, where they go, figures and dates."""
        proper = rng.sample(self.sections["town"], 4)
        entities = {
            "proper": proper,
            "name": [self._name(rng) for _ in range(rng.randint(3, 4))],
            "town": [rng.choice(self.sections["town"])],
            "org": rng.sample(self.sections["org"], 2),
        }
        entities["place"] = [self._value(rng, "place", Topic(entities, frozenset())) for _ in range(4)]
        return self.another_event(rng, Topic(entities, frozenset()))

    def another_event(self, rng: Random, topic: Topic) -> Topic:
        """The same people and places on another occasion: other figures, other dates."""
        facts: dict[str, list[str]] = {}
        for slot, many in FACTS.items():
            facts[slot] = [self._value(rng, slot, Topic(facts, frozenset())) for _ in range(many)]
        entities = topic.entities | facts
        return Topic(entities, frozenset(w for values in entities.values() for v in values for w in [v, *v.split()]))

    def sentence(self, rng: Random, topic: Topic) -> Sentence:
        """Mostly a free sentence, now and then a set form or a quotation."""
        section = rng.choices(("free", "sentence", "quote"), (0.75, 0.1, 0.15))[0]
        return self._tokens(self._expand(rng, rng.choice(self.sections[section]), topic, {}))

    def headline(self, rng: Random, topic: Topic) -> str:
        """One of the language's headline forms."""
        return self._line(rng, rng.choice(self.sections["headline"]), topic, {})

    def editor(self, rng: Random, topic: Topic) -> str:
        """A picture credit, a request for letters, a pointer to another page."""
        return self._line(rng, rng.choice(self.sections["editor"]), topic, {})

    def word(self, rng: Random) -> str:
        """A word of the vocabulary, without spaces around it."""
        return rng.choice(self._vocabulary)

    def editable(self, token: str) -> bool:
        """Whether an edit may replace or drop the token (in scripts without spaces: only words from the lists)."""
        return self.spaced or token in self._leaves

    def lookalike(self, rng: Random, template: int) -> Draft:
        """An item of a template, all its slots filled anew."""
        lines = self.templates[template % len(self.templates)]
        kept: dict[str, str] = {}
        topic = Topic({}, frozenset())
        headline = self._line(rng, lines[0], topic, kept)
        paragraphs = [[self._tokens(self._expand(rng, line, topic, kept))] for line in lines[1:]]
        return Draft(headline, paragraphs, self.script)

    def _name(self, rng: Random) -> str:
        first, last = rng.choice(self.sections["first"]), rng.choice(self.sections["last"])
        return f"{first} {last}" if self.spaced or self.language == "th" else f"{last}{first}"

    def _value(self, rng: Random, slot: str, topic: Topic) -> str:
        return "".join(self._fill(rng, slot, topic, {}))

    def _expand(self, rng: Random, pattern: str, topic: Topic, kept: dict[str, str]) -> list[str]:
        pieces: list[str] = []
        for piece in PIECE.findall(pattern):
            slot = SLOT.fullmatch(piece)
            if slot is None:
                pieces.append(piece)
            elif not slot[2]:
                pieces += self._fill(rng, slot[1], topic, kept)
            else:
                pieces.append(self._keep(rng, piece, slot[1], topic, kept))
        return pieces

    def _fill(self, rng: Random, slot: str, topic: Topic, kept: dict[str, str]) -> list[str]:
        if slot in topic.entities and rng.random() < 0.8:
            return [rng.choice(topic.entities[slot])]
        if slot == "name":
            return [self._name(rng)]
        if slot in ("proper", "surname"):
            return [rng.choice(self.sections["town" if slot == "proper" else "last"])]
        if slot in self._made:
            return [self._made[slot](rng)]
        if slot == "tail" and rng.random() < OPEN["tail"][1]:
            link, clause = rng.choice(self.sections["link"]), rng.choice(self.sections["clause"])
            return self._expand(rng, f"{link}{' ' if self.spaced else ''}{clause}", topic, kept)
        if slot in OPEN and rng.random() < OPEN[slot][1]:
            slot = OPEN[slot][0]
        return self._expand(rng, rng.choice(self.sections[slot]), topic, kept)

    def _keep(self, rng: Random, piece: str, slot: str, topic: Topic, kept: dict[str, str]) -> str:
        while piece not in kept:
            value = "".join(self._fill(rng, slot, topic, kept))
            if value not in kept.values():
                kept[piece] = value
        return kept[piece]

    def _line(self, rng: Random, pattern: str, topic: Topic, kept: dict[str, str]) -> str:
        return "".join(self._tokens(self._expand(rng, pattern, topic, kept)))

    def _tokens(self, pieces: list[str]) -> Sentence:
        text = re.sub(r"(?<=[“„«])\w|^\w|(?<=[.!?] )[„“«]?\w", lambda m: m[0].upper(), "".join(pieces))
        if not self.spaced:
            return [text[: len(pieces[0])], *pieces[1:]]
        words = text.split()
        return [words[0], *(f" {w}" for w in words[1:])]


@cache
def grammar(language: str) -> Grammar:
    """The writer of a language, read once."""
    return Grammar(language)


def read_sections(path: Path) -> dict[str, list[str]]:
    """The sections of a grammar file and the alternatives of each; of `[lookalike]`, each template as it stands."""
    sections: dict[str, list[str]] = {}
    _, _, body = path.read_text(encoding="utf-8").partition("\n\n")
    for block in re.split(r"^\[", body, flags=re.MULTILINE)[1:]:
        name, _, rest = block.partition("]\n")
        entries = rest.split("---\n") if name == "lookalike" else re.split(r" \| |\n", rest.strip())
        sections[name] = [entry.strip() for entry in entries if entry.strip()]
    return sections


def _blends(words: list[str], times: int, language: str, rng: Random) -> list[str]:
    """New words from the first half of one and the second half of another: endings, and so agreement, are kept."""
    if language == "th":
        return [_thai_word(rng) for _ in range(times * len(words))]
    made: dict[str, None] = {}
    for word in words:
        *before, last = word.split(" ")
        for other in rng.sample(words, min(times, len(words))):
            first = other.split(" ")[-1]
            made[" ".join([*before, first[: (len(first) + 1) // 2] + last[len(last) // 2 :]])] = None
    return [word for word in made if word not in words]


def _thai_word(rng: Random) -> str:
    """Two or three syllables; halves of Thai words would part a vowel from its consonant."""
    syllables = (
        "".join((rng.choice(v or ("",)), rng.choice(THAI_C), rng.choice(w), rng.choice(THAI_F))) for v, w in THAI_V
    )
    return "".join(rng.sample(list(syllables), rng.choice((2, 2, 3))))


def _makers(language: str) -> dict[str, Callable[[Random], str]]:
    mark, point = THOUSANDS[language], DECIMAL.get(language, ".")

    def number(rng: Random) -> str:
        n = rng.randint(2, 9) * 10 if rng.random() < 0.2 else int(10 ** rng.uniform(1.5, 4.9))
        return f"{n:,}".replace(",", mark)

    return {
        "n": number,
        "small": lambda rng: str(rng.randint(2, 40)),
        "s": lambda rng: str(rng.randint(0, 60)),
        "pct": lambda rng: str(rng.randint(2, 98)),
        "dec": lambda rng: f"{rng.randint(0, 29)}{point}{rng.randint(0, 99):02}",
        "year": lambda rng: str(rng.randint(1950, 2024)),
        "day": lambda rng: str(rng.randint(1, 28)),
        "clock": lambda rng: f"{rng.randint(5, 22)}.{rng.randint(0, 59):02}",
    }
