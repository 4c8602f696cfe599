"""The planted set: families of every relation in every language of `grammars/`, and pairs that must stay apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from benchmarks.corpus import AGENCIES, DAYS, Desk, Original, Record, length
from benchmarks.drafts import compose
from benchmarks.families import merged
from benchmarks.languages import Grammar, grammar, languages

RELATIONS = ("exact", "near", "revision", "syndicated", "derived")
MEMBERS = ("exact", "near", "syndicated", "syndicated", "revision", "derived", "derived")
"""The variants of each family; every second family has a copy merged with another report besides."""
SHORTEST = 160
"""Words an original has at least: two passages of 12 words must be a small part of it."""
NOTICE = (
    "Copyright 2025 {}. All rights reserved. No part of this article may be copied, broadcast or passed on in any "
    "form without the written permission of the publisher."
)


@dataclass(frozen=True, slots=True)
class Planted:
    """Records with their labels, and the keys of the pairs that look alike and are not."""

    records: list[Record]
    apart: list[tuple[str, str]]


def planted(families: int = 60, lookalike_pairs: int = 1_000, seed: int = 1) -> Planted:
    """Plant so many families in each language, and so many pairs of look-alikes over all of them."""
    records: list[Record] = []
    apart: list[tuple[str, str]] = []
    codes = languages()
    for number, code in enumerate(codes):
        share = lookalike_pairs // len(codes) + (number < lookalike_pairs % len(codes))
        rng = Random(f"{seed}-{code}")
        desk, voice = Desk(seed, rng, code), grammar(code)
        records += _families(desk, voice, rng, families)
        alike, pairs = _lookalikes(desk, voice, rng, share)
        records += alike
        apart += pairs
    return Planted(records, apart)


def _families(desk: Desk, voice: Grammar, rng: Random, count: int) -> Iterator[Record]:
    originals: list[Original] = []
    for _ in range(count):
        topic, at = voice.topic(rng), rng.uniform(2, (DAYS - 3) * 24)
        source = rng.choice(AGENCIES) if rng.random() < 0.6 else desk.source()
        draft = compose(voice, rng, topic, max(SHORTEST, length(rng)))
        original = desk.original(draft, topic, at, source)
        originals.append(original)
        yield original.record
        for relation in MEMBERS:
            delay = rng.uniform(0.2, 8) if relation == "revision" else rng.uniform(0.2, 48)
            record = desk.variant(original, relation, voice, at + delay)
            if relation in ("syndicated", "derived") and voice.language == "en" and rng.random() < 0.3:
                record["text"] += f"\n\n{NOTICE.format(record['source'])}"
            yield record
    for first, second in zip(originals[::2], originals[1::2], strict=False):
        made = merged(first.draft, second.draft, voice, first.topic, rng)
        at = (DAYS - 1) * 24 + rng.uniform(0, 20)
        record = desk.record(made.draft, at, desk.source(first.sources | second.sources), "syndicated", first.record)
        yield record | {"also": second.record["family"], "how": made.how, "kept": made.kept}


def _lookalikes(desk: Desk, voice: Grammar, rng: Random, pairs: int) -> tuple[list[Record], list[tuple[str, str]]]:
    """Three pairs in four are items of a template, days apart; the others tell two events among the same people."""
    records: list[Record] = []
    apart: list[tuple[str, str]] = []
    previous: dict[int, Record] = {}
    for number in range(pairs):
        if number % 4 == 3:
            first, second = _same_subject(desk, voice, rng)
            records += (first, second)
        else:
            template = number % len(voice.templates)
            first = previous.get(template) or _item(desk, voice, rng, template, 0)
            second = _item(desk, voice, rng, template, number)
            records += (second,) if template in previous else (first, second)
            previous[template] = second
        apart.append((first["key"], second["key"]))
    return records, apart


def _item(desk: Desk, voice: Grammar, rng: Random, template: int, number: int) -> Record:
    source = desk.outlets[template] if rng.random() < 0.8 else desk.source()
    at = (number * 17 + rng.uniform(0, 8)) % (DAYS * 24)
    return desk.record(voice.lookalike(rng, template), at, source, "look-alike")


def _same_subject(desk: Desk, voice: Grammar, rng: Random) -> tuple[Record, Record]:
    topic, at = voice.topic(rng), rng.uniform(0, (DAYS - 8) * 24)
    source = desk.source()
    first = desk.record(compose(voice, rng, topic, length(rng)), at, source, "look-alike")
    later = at + rng.uniform(10, 7 * 24)
    second_source = source if rng.random() < 0.5 else desk.source()
    other = voice.another_event(rng, topic)
    second = desk.record(compose(voice, rng, other, length(rng)), later, second_source, "look-alike")
    return first, second
