"""A writer of English-like pseudo-text, fast enough for corpora of millions.

Text is a row of chunks of one to five words, drawn from a fixed table as often as they came up
in a sample of a Markov chain: so words, word
bigrams and trigrams recur as in a language, and stock phrases recur often, while unrelated articles share little.
The chain runs over a Zipfian vocabulary whose commonest words are English function words.
"""

from collections import Counter
from functools import cache
from pathlib import Path
from random import Random

import numpy as np

from benchmarks.drafts import Script, Sentence, Topic
from benchmarks.languages import read_sections

SECTIONS = read_sections(Path(__file__).with_name("pseudo.txt"))
FUNCTION_WORDS, STOCK = SECTIONS["function"], SECTIONS["stock"]
ONSETS, VOWELS = SECTIONS["onset"], SECTIONS["vowel"]
CODAS, ENDINGS = ([entry.strip("-") for entry in SECTIONS[name]] for name in ("coda", "ending"))
PLACES = SECTIONS["place"]

VOCABULARY = 40_000
COMMON = 4_000
"""Words that make up most of every text."""
SAMPLED = 300_000
"""Chunks sampled for the table, in which common ones weigh more."""
FUNCTIONS_BEFORE = (0, 0, 0, 1, 1, 1, 1, 2, 2, 2)
MORE_CONTENT = (0, 0, 0, 0, 0, 0, 1, 1, 1, 2)
"""How many function words a chunk begins with, and how many words of content follow its first: one chance each."""
TOGETHER, FOLLOWERS = 0.6, 8
PHRASES = 1_500
PHRASE_KNEE, PHRASE_SLOPE = 1.33, 0.6
IDIOMS = 6_000
IDIOM_KNEE, IDIOM_SLOPE = 12.0, 0.65
STOCKED, IDIOMATIC, MARKED, COUNTED = 0.012, 0.2, 0.07, 0.05
"""Chance of a chunk to be a stock phrase, an idiom, somebody's name, a number."""
BLOCK = 8_000
"""Sentences drawn at a time."""
SLOTS = 8
MARKERS = tuple(f"\x00{i}" for i in range(SLOTS))
"""Stand in a block for the people, places and bodies of whichever event takes the sentence."""
FIGURES = 8
"""Numbers that an event has, and all that write about it draw on."""


class PseudoVoice:
    """A `benchmarks.drafts.Voice`; the same seed writes the same texts in the same order."""

    language = "en"
    script = Script()

    def __init__(self, seed: int) -> None:
        self._draw = np.random.Generator(np.random.PCG64(seed))
        self.words, self._table, self._cumulative = _lexicon()
        self._names = [w.capitalize() for w in self.words[200:6_200] if len(w) > 3]
        self._sentences: list[Sentence] = []

    def topic(self, rng: Random) -> Topic:
        """A new event with three people, a town and a body in charge."""
        names = [f"{rng.choice(self._names)} {rng.choice(self._names)}" for _ in range(3)]
        town, org = rng.choice(self._names), f"{rng.choice(self._names)} {rng.choice(SECTIONS['body'])}"
        values = [*names, *(n.split()[1] for n in names), town, f"the {org}"]
        entities: dict[str, list[str]] = {marker: [value] for marker, value in zip(MARKERS, values, strict=True)}
        words = frozenset(w for v in values for w in [v, *v.split()] if w != "the")
        return self.another_event(rng, Topic(entities, words))

    def another_event(self, rng: Random, topic: Topic) -> Topic:
        """The same people and places, and other figures."""
        return Topic(topic.entities | {"figures": [f" {_number(rng)}" for _ in range(FIGURES)]}, topic.protected)

    def sentence(self, rng: Random, topic: Topic) -> Sentence:
        """The next sentence of the stream, with the event's names in it."""
        return self.filled(self.raw(), topic)

    def raw(self) -> Sentence:
        """The next sentence, names still left open."""
        if not self._sentences:
            self._sentences = self._block()
        return self._sentences.pop()

    @staticmethod
    def filled(sentence: Sentence, topic: Topic) -> Sentence:
        """A sentence with the names of an event put in, and its figures for two numbers in three."""
        names = {f" {marker}{c}": f" {topic.entities[marker][0]}{c}" for marker in MARKERS for c in ("", ",")}
        figures = topic.entities["figures"]
        tokens = [names.get(token, token) for token in sentence]
        for i, token in enumerate(tokens):
            if "0" <= token[-1] <= "9" and (kind := ord(token[-1]) + len(token)) % 3:
                tokens[i] = figures[kind % FIGURES]
        first = tokens[0].lstrip()
        tokens[0] = first[0].upper() + first[1:] if first[0] != "“" else f"“{first[1].upper()}{first[2:]}"
        return tokens

    def headline(self, rng: Random, topic: Topic) -> str:
        """The beginning of a sentence, with a name before it."""
        words = "".join(self.sentence(rng, topic)).strip("“”.,").split()[: rng.randint(5, 11)]
        return f"{topic.entities[MARKERS[rng.randrange(3, 8)]][0]}: {' '.join(words)}".replace("the ", "", 1)

    def editor(self, rng: Random, topic: Topic) -> str:
        """A picture credit."""
        return f"Picture: {rng.choice(self._names)}"

    def word(self, rng: Random) -> str:
        """A word of the vocabulary, common ones more often."""
        return self.words[int(len(self.words) ** rng.random())]

    def number(self, rng: Random) -> str:
        """A number as news write it."""
        return _number(rng)

    def _block(self) -> list[Sentence]:
        draw = self._draw
        lengths = np.clip(np.round(draw.lognormal(2.35, 0.45, BLOCK)), 3, 32).astype(np.int64)
        ends = np.cumsum(lengths)
        ids = np.searchsorted(self._cumulative, draw.random(int(ends[-1])))
        tokens: list[str] = self._table.take(ids).tolist()
        quoted = draw.random(BLOCK) < 0.15
        commas = draw.random(BLOCK) < 0.6
        cuts = draw.random(BLOCK)
        sentences: list[Sentence] = []
        start = 0
        for end, quote, comma, where in zip(
            ends.tolist(), quoted.tolist(), commas.tolist(), cuts.tolist(), strict=True
        ):
            sentence = tokens[start:end]
            if comma:
                sentence[int(where * (len(sentence) - 1))] += ","
            if quote:
                sentence[:1] = [f"“{sentence[0].lstrip()}"] if sentence[0][1] != "\x00" else ["“and", sentence[0]]
                sentence += [",” said", f" {MARKERS[int(where * 6)]}", "."]
            else:
                sentence.append(".")
            sentences.append(sentence)
            start = end
        sentences.reverse()
        return sentences


@cache
def _lexicon() -> tuple[list[str], np.ndarray, np.ndarray]:
    """The language: its words, its chunks and the cumulated chance of each. It is the same for every seed."""
    rng = Random(20_250_304)
    words = _vocabulary(rng)
    return words, *_chunks(rng, words)


def _vocabulary(rng: Random) -> list[str]:
    words = dict.fromkeys(FUNCTION_WORDS)
    while len(words) < VOCABULARY:
        syllables = rng.choice((1, 1, 1, 2) if len(words) < COMMON else (1, 2, 2, 3))  # common words are short
        word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables))
        words[word + rng.choice(ENDINGS)] = None
    return list(words)


def _chunks(rng: Random, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The table of chunks, each with a space before it, and the cumulated chance of each."""
    chain = _Chain(rng, words)
    counted: Counter[str] = Counter(chain.chunk() for _ in range(SAMPLED))
    weight = np.array(list(counted.values()), dtype=np.float64)
    phrases = [f" {phrase}" for phrase in STOCK]
    phrases += ["".join(chain.chunk() for _ in range(rng.choice((2, 3, 3, 4)))) for _ in range(PHRASES)]
    rng.shuffle(phrases)
    stock = (1 + np.arange(len(phrases)) / PHRASE_KNEE) ** -PHRASE_SLOPE
    idioms = [chain.idiom() for _ in range(IDIOMS)]
    usual = (1 + np.arange(len(idioms)) / IDIOM_KNEE) ** -IDIOM_SLOPE
    markers = [f" {m}" for m in MARKERS]
    numbers = [f" {_number(rng)}" for _ in range(3_000)]
    parts = (
        (weight, 1 - STOCKED - IDIOMATIC - MARKED - COUNTED),
        (stock, STOCKED),
        (usual, IDIOMATIC),
        (np.ones(len(markers)), MARKED),
        (np.ones(len(numbers)), COUNTED),
    )
    chances = np.concatenate([own / own.sum() * share for own, share in parts])
    strings = np.array([*counted, *phrases, *idioms, *markers, *numbers], dtype=object)
    cumulative = np.cumsum(chances)
    cumulative[-1] = 1.0
    return strings, cumulative


class _Chain:
    """Phrases as news have them: up to two function words, then up to three others, of which some go together."""

    def __init__(self, rng: Random, words: list[str]) -> None:
        self.rng, self.words, self.first = rng, words, len(FUNCTION_WORDS)

    def chunk(self) -> str:
        """A chunk with a space before each of its words; it ends in a word of content."""
        rng = self.rng
        chosen = []
        functions = rng.choice(FUNCTIONS_BEFORE)
        if functions:
            chosen.append(self._function())
        if functions == 2:
            chosen.append(0 if rng.random() < 0.25 else self._function())
        at = self._content()
        chosen.append(at)
        for _ in range(rng.choice(MORE_CONTENT)):
            at = self._follower(at)
            chosen.append(at)
        kept = [word for word, before in zip(chosen, [-1, *chosen], strict=False) if word != before]
        return "".join(f" {self.words[word]}" for word in kept)

    def idiom(self) -> str:
        """Three or four words that often stand together."""
        words = (self.chunk() + self.chunk() + self.chunk()).split()
        return "".join(f" {word}" for word in words[: self.rng.choice((3, 4, 4))])

    def _function(self) -> int:
        return int((self.first + 1) ** self.rng.random() - 1)

    def _content(self) -> int:
        """Mostly one of the commoner words: p(r) ~ 1 / (r + 30), and less beyond rank 4,000."""
        rng = self.rng
        size = COMMON if rng.random() < 0.75 else len(self.words) - self.first
        return self.first + int(30 * (size / 30 + 1) ** rng.random() - 30)

    def _follower(self, at: int) -> int:
        if self.rng.random() < 1 - TOGETHER:
            return self._content()
        mixed = (at * 2_654_435_761 + int(FOLLOWERS ** self.rng.random()) * 40_503_007) % 2**32 / 2**32
        return self.first + int(30 * (COMMON / 30 + 1) ** mixed - 30)


def _number(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return str(rng.randint(1990, 2025))
    if kind < 0.4:
        return f"{rng.randint(0, 99)}.{rng.randint(0, 9)}"
    return f"{int(10 ** rng.uniform(0.3, 5.5)):,}"
