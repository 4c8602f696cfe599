"""A text in the making: paragraphs of sentences of tokens, so that edits can be counted exactly."""

import re
from dataclasses import dataclass
from random import Random
from typing import Protocol

Sentence = list[str]
"""Tokens that concatenate to the sentence: where a script has spaces, every token but the first brings its own."""
Paragraph = list[Sentence]

LETTER = re.compile(r"[^\W_]")


@dataclass(frozen=True, slots=True)
class Script:
    """How a language is set: what stands between sentences, and how many letters count as one word."""

    gap: str = " "
    letters_per_word: float = 0.0
    """0 for scripts with spaces, whose words are counted as they stand."""
    quotes: tuple[str, str] = ("“", "”")

    def words(self, text: str) -> int:
        """The length of a text in words, or in what would be words in a script with spaces."""
        if not self.letters_per_word:
            return len(text.split())
        return max(1, round(len(LETTER.findall(text)) / self.letters_per_word))


@dataclass(slots=True)
class Draft:
    """A headline and the paragraphs below it."""

    headline: str
    paragraphs: list[Paragraph]
    script: Script

    def text(self) -> str:
        """The body as plain text, an empty line between paragraphs."""
        gap = self.script.gap
        return "\n\n".join(gap.join(["".join(sentence) for sentence in p]) for p in self.paragraphs)

    def sentences(self) -> list[Sentence]:
        """All sentences in order."""
        return [sentence for paragraph in self.paragraphs for sentence in paragraph]

    def length(self, sentence: Sentence) -> int:
        """The length of one of its sentences in words."""
        return self.script.words("".join(sentence))

    def words(self) -> int:
        """The length of the body in words."""
        return self.script.words(self.text())


@dataclass(frozen=True, slots=True)
class Topic:
    """What an event's sentences have in common: its people, its places, whoever is in charge, its figures."""

    entities: dict[str, list[str]]
    protected: frozenset[str]
    """Words of the entities: an editor who polishes a sentence leaves these alone."""


class Voice(Protocol):
    """Whoever writes the texts: a grammar of real words or a model of pseudo-words."""

    script: Script
    language: str

    def topic(self, rng: Random) -> Topic:
        """A new event."""
        ...

    def another_event(self, rng: Random, topic: Topic) -> Topic:
        """A new event among the same people: names stay, facts do not."""
        ...

    def sentence(self, rng: Random, topic: Topic) -> Sentence:
        """A sentence about it that nobody wrote before."""
        ...

    def headline(self, rng: Random, topic: Topic) -> str:
        """A headline for it."""
        ...

    def word(self, rng: Random) -> str:
        """Any word, to put in place of another."""
        ...

    def editor(self, rng: Random, topic: Topic) -> str:
        """A line that an outlet adds of its own: a picture credit, a pointer to another page."""
        ...


def compose(voice: Voice, rng: Random, topic: Topic, words: int) -> Draft:
    """Write an article of about so many words, in paragraphs of one to three sentences."""
    paragraphs: list[Paragraph] = []
    written = 0
    while written < words or not paragraphs:
        paragraph = [voice.sentence(rng, topic) for _ in range(rng.choice((1, 2, 2, 3)))]
        written += sum(voice.script.words("".join(s)) for s in paragraph)
        paragraphs.append(paragraph)
    return Draft(voice.headline(rng, topic), paragraphs, voice.script)
