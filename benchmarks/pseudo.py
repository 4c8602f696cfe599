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
SAMPLED = 300_000
"""Chunks sampled for the table, in which common ones weigh more."""
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
        names = {f" {marker}": f" {topic.entities[marker][0]}" for marker in MARKERS}
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
                sentence[0] = f"“{sentence[0].lstrip()}" if sentence[0][1] != "\x00" else f"“and{sentence[0]}"
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
        syllables = rng.choice((1, 2, 2, 2, 3))
        word = "".join(rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(syllables))
        words[word + rng.choice(ENDINGS)] = None
    return list(words)


def _chunks(rng: Random, words: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """The table of chunks, each with a space before it, and the cumulated chance of each."""
    size = len(words)

    def zipf() -> int:
        return min(size - 1, int((size + 2.7) ** rng.random() - 1))

    def follower(i: int) -> int:
        if rng.random() < 0.5:
            return zipf()
        mixed = (i * 2_654_435_761 + int(12 ** rng.random()) * 40_503_007) % 2**32
        return int(size ** (mixed / 2**32)) - 1

    counted: Counter[str] = Counter(f" {w}" for w in FUNCTION_WORDS)
    for _ in range(SAMPLED):
        at = zipf()
        chunk = [words[at]]
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3, 4))):
            at = follower(at)
            chunk.append(words[at])
        counted[" " + " ".join(chunk)] += 1
    weight = np.array(list(counted.values()), dtype=np.float64)
    weight /= weight.sum()
    stock = 1 / np.arange(1, len(STOCK) + 1)
    specials = [(f" {m}", 0.07 / SLOTS) for m in MARKERS]
    specials += [(f" {phrase}", 0.012 * w) for phrase, w in zip(STOCK, (stock / stock.sum()).tolist(), strict=True)]
    specials += [(f" {_number(rng)}", 0.05 / 3_000) for _ in range(3_000)]
    left = 1 - sum(w for _, w in specials)
    chances = np.concatenate([weight * left, [w for _, w in specials]])
    strings = np.array([*counted, *(s for s, _ in specials)], dtype=object)
    cumulative = np.cumsum(chances)
    cumulative[-1] = 1.0
    return strings, cumulative


def _number(rng: Random) -> str:
    kind = rng.random()
    if kind < 0.2:
        return str(rng.randint(1990, 2025))
    if kind < 0.4:
        return f"{rng.randint(0, 99)}.{rng.randint(0, 9)}"
    return f"{int(10 ** rng.uniform(0.3, 5.5)):,}"
