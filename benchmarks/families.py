"""What becomes of a report on its way through the press: the planted relations, each as one function.

Every function takes a draft and returns a new one; none changes its input. The measures they promise (share of the
body kept, words edited, length of the kept passages) are the declared ones of `docs` and hold exactly, in words.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from benchmarks.drafts import Draft, Paragraph, Sentence, Topic, Voice, compose

CORE = re.compile(r"^(\s*[^\w\s]*)(.*?)([^\w\s]*)$", re.DOTALL)
DIGITS = re.compile(r"\d+")

NEAR_RATE = (0.01, 0.10)
CUT_SHARE = (0.20, 0.80)
PASSAGES = (2, 4)
PASSAGE_WORDS = (12, 40)
DERIVED_SHARE = 0.30
"""Kept passages make up at most this share of a retelling, and of the report that they come from."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A draft made from another, and what was done: the numbers are measured on the words."""

    draft: Draft
    kept: int
    """Words taken over from the parent."""
    edited: int = 0
    """Words replaced, dropped or put in."""
    how: str = ""


def near(draft: Draft, voice: Voice, topic: Topic, rng: Random) -> Variant:
    """Edit 1-10 % of the words, scattered over the text; names and numbers stay."""
    words = draft.words()
    budget = max(1, int(rng.uniform(*NEAR_RATE) * words))
    paragraphs = [[list(sentence) for sentence in p] for p in draft.paragraphs]
    places = [(s, i) for p in paragraphs for s in p for i in range(1, len(s)) if _editable(s[i], voice, topic)]
    rng.shuffle(places)
    edited = 0
    for sentence, i in places:
        old = sentence[i]
        new = _edit(old, voice, rng)
        cost = max(draft.script.words(old), draft.script.words(new) if new else 0)
        if edited + cost > max(budget, 1) and edited:
            break
        sentence[i] = new
        edited += cost
    return Variant(replace(draft, paragraphs=paragraphs), words - edited, edited, "edits")


def syndicated(draft: Draft, voice: Voice, topic: Topic, rng: Random) -> Variant:
    """Cut the body to 20-80 %, or keep it whole and add to it; mostly under a headline of one's own."""
    how = rng.choice(("cut", "cut", "cut and extended", "cut and extended", "extended"))
    body = draft.paragraphs if how == "extended" else cut(draft, rng.uniform(*CUT_SHARE), rng)
    kept = sum(draft.length(s) for p in body for s in p)
    paragraphs = [list(p) for p in body]
    if how != "cut":
        own = compose(voice, rng, topic, max(25, int(kept * rng.uniform(0.15, 0.5)))).paragraphs
        _add(paragraphs, own, rng)
    headline = voice.headline(rng, topic) if rng.random() < 0.8 else draft.headline
    return Variant(Draft(headline, paragraphs, draft.script), kept, how=how)


def merged(draft: Draft, other: Draft, voice: Voice, topic: Topic, rng: Random) -> Variant:
    """One outlet's piece out of two wire reports: most of the first, then a smaller part of the second."""
    first = cut(draft, rng.uniform(0.7, 0.9), rng)
    kept = sum(draft.length(s) for p in first for s in p)
    second = cut(other, min(0.6, 0.5 * kept / max(1, other.words())), rng)
    return Variant(Draft(voice.headline(rng, topic), [*first, *second], draft.script), kept, how="merged")


def revision(draft: Draft, voice: Voice, topic: Topic, rng: Random) -> Variant:
    """Correct one to four numbers and, half of the time, replace a sentence and add a paragraph."""
    paragraphs = [[list(sentence) for sentence in p] for p in draft.paragraphs]
    numbers = [(s, i) for p in paragraphs for s in p for i, token in enumerate(s) if DIGITS.search(token)]
    chosen = rng.sample(numbers, min(len(numbers), rng.randint(1, 4)))
    for sentence, i in chosen:
        sentence[i] = DIGITS.sub(lambda m: _other_number(m[0], rng), sentence[i], count=1)
    edited, kept = len(chosen), draft.words() - len(chosen)
    if not chosen or rng.random() < 0.5:
        paragraph = rng.choice(paragraphs)
        place = rng.randrange(len(paragraph))
        kept -= draft.length(paragraph[place])
        edited += draft.length(paragraph[place])
        paragraph[place] = voice.sentence(rng, topic)
        paragraphs.append([voice.sentence(rng, topic)])
    return Variant(replace(draft, paragraphs=paragraphs), kept, edited, "corrected")


def derived(draft: Draft, voice: Voice, topic: Topic, rng: Random) -> Variant:
    """Retell the event in new words around 2-4 passages of 12-40 words that are kept as they were."""
    passages = _passages(draft, rng)
    kept = sum(draft.length(p) for p in passages)
    words = max(int(draft.words() * rng.uniform(0.7, 1.3)), int(kept / DERIVED_SHARE) + 20)
    own = compose(voice, rng, topic, words)
    places = sorted(rng.sample(range(len(own.paragraphs) + 1), min(len(passages), len(own.paragraphs) + 1)))
    for place, passage in reversed(list(zip(places, passages, strict=False))):
        if rng.random() < 0.5 or place == len(own.paragraphs):
            own.paragraphs.insert(place, [passage])
        else:
            own.paragraphs[place].insert(1, passage)
    kept = sum(draft.length(p) for p in passages[: len(places)])
    return Variant(own, kept, how=f"{len(places)} passages")


VARIATIONS: dict[str, Callable[[Draft, Voice, Topic, Random], Variant]] = {
    "near": near,
    "revision": revision,
    "syndicated": syndicated,
    "derived": derived,
}


def cut(draft: Draft, share: float, rng: Random) -> list[Paragraph]:
    """The paragraphs that remain of a text cut to a share of its words: from the bottom, or with holes.

    Whole sentences are kept, and as many as bring the share nearest to the one asked for.
    """
    lengths = [[draft.length(s) for s in p] for p in draft.paragraphs]
    target = share * sum(map(sum, lengths))
    order = list(range(len(lengths)))
    if rng.random() < 0.4:
        order = [0, *rng.sample(order[1:], len(order) - 1)]
    chosen: dict[int, Paragraph] = {}
    total = 0
    for index in order:
        sentences: Paragraph = []
        for sentence, length in zip(draft.paragraphs[index], lengths[index], strict=True):
            if total and total + length / 2 > target:
                break
            sentences.append(sentence)
            total += length
        if sentences:
            chosen[index] = sentences
        if len(sentences) < len(draft.paragraphs[index]):
            break
    return [chosen[index] for index in sorted(chosen)]


def _add(paragraphs: list[Paragraph], own: list[Paragraph], rng: Random) -> None:
    """Put own paragraphs above (a new lead), below, or in between."""
    for paragraph in own:
        where = rng.choice((0, len(paragraphs), rng.randint(0, len(paragraphs))))
        paragraphs.insert(where, paragraph)


def _passages(draft: Draft, rng: Random) -> list[Sentence]:
    """Two to four passages of 12-40 words, in their order, at most `DERIVED_SHARE` of the text together."""
    low, high = PASSAGE_WORDS
    budget = int(DERIVED_SHARE * draft.words())
    wanted = rng.randint(*PASSAGES)
    sentences = draft.sentences()
    order = rng.sample(range(len(sentences)), len(sentences))
    order.sort(key=lambda i: not _quoted(sentences[i], draft))
    chosen: dict[int, Sentence] = {}
    for index in order:
        room = budget - sum(draft.length(p) for p in chosen.values())
        passage = _trim(sentences[index], min(high, room), draft)
        if low <= draft.length(passage):
            chosen[index] = passage
        if len(chosen) == wanted:
            break
    return [chosen[i] for i in sorted(chosen)]


def _quoted(sentence: Sentence, draft: Draft) -> bool:
    opening = draft.script.quotes[0]
    return any(opening in token for token in sentence)


def _trim(sentence: Sentence, most: int, draft: Draft) -> Sentence:
    passage = list(sentence)
    while passage and draft.length(passage) > most:
        passage.pop()
    return passage


def _editable(token: str, voice: Voice, topic: Topic) -> bool:
    core = token.strip().strip(".,;:!?“”„«»\"'、。，「」؛،")
    fit = bool(core) and not DIGITS.search(core) and core not in topic.protected and not core[0].isupper()
    check: Callable[[str], bool] | None = getattr(voice, "editable", None)
    return fit and (check is None or check(token))


def _edit(token: str, voice: Voice, rng: Random) -> str:
    before, _, after = CORE.fullmatch(token).groups()  # type: ignore[union-attr]
    kind = rng.random()
    if kind < 0.2 and not before.strip() and not after:
        return ""
    new = before + voice.word(rng) + after
    return token + (new if before.startswith(" ") else voice.word(rng)) if kind > 0.8 and not after else new


def _other_number(digits: str, rng: Random) -> str:
    other = digits
    while other == digits:
        other = str(rng.randint(10 ** (len(digits) - 1), 10 ** len(digits) - 1))
    return other
