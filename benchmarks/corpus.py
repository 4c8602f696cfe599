"""A synthetic news corpus of any size, as a stream in order of publication.

    python -m benchmarks.corpus 50000 --seed 1 --out corpus.jsonl --labels labels.jsonl

Lengths are lognormal (median 350 words), outlets and families Zipfian, publication spread over 30 days. One original
in seven is picked up by others, within two days: exact and light copies, cut and extended ones, corrections,
retellings (`benchmarks.families`). One article in twenty is an item of a template (a market report, a fixture), one
in twenty another event among the same people: neither belongs to anything. The labels (`LABELS`) say which is which.
"""

import argparse
import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.drafts import Draft, Topic, Voice, compose
from benchmarks.families import VARIATIONS, Variant
from benchmarks.formatting import reset
from benchmarks.pseudo import PLACES, PseudoVoice

Record = dict[str, Any]

LABELS = ("key", "family", "relation", "parent", "also", "how", "kept", "edited")
"""Fields that newsfold is not given. `key` names one record, as `id` does not: a correction keeps the id."""

START = datetime(2025, 3, 1, tzinfo=UTC)
DAYS = 30
FAMILY = 0.14
TEMPLATED = 0.05
SAME_SUBJECT = 0.05
TEMPLATES = 40
MIX = {"exact": 0.25, "near": 0.17, "syndicated": 0.33, "revision": 0.08, "derived": 0.17}
AGENCIES = ("Northern Wire", "Meridian Press", "Coastline News Agency", "Interline", "Anchor Despatch")


@dataclass(slots=True)
class Original:
    """A report as first published, and what its variants need to know of it."""

    record: Record
    draft: Draft
    topic: Topic
    sources: set[str]
    """Outlets that have carried it: each carries it once, or a second version there would be a revision."""


class Desk:
    """Numbers, dates and sends out records: everything about an article but its text."""

    def __init__(self, seed: int, rng: Random, language: str) -> None:
        self.rng, self.language, self.sent = rng, language, 0
        self._prefix = f"{language}{seed}"
        kinds = ("Post", "Courier", "Gazette", "Herald", "Lantern", "Echo", "Online", "Radio", "Times", "Today")
        self.outlets = [f"{place} {kind}" for kind in kinds for place in PLACES]

    def source(self, taken: set[str] | None = None) -> str:
        """An outlet, the big ones more often, and none of those taken, to which it is added."""
        taken = set() if taken is None else taken
        while True:
            chosen = self.outlets[int(len(self.outlets) ** self.rng.random()) - 1]
            if chosen not in taken:
                taken.add(chosen)
                return chosen

    def record(self, draft: Draft, at: float, source: str, relation: str, parent: Record | None = None) -> Record:
        """A record of a draft, published `at` so many hours after the corpus begins."""
        self.sent += 1
        key = f"{self._prefix}-{self.sent:07d}"
        when = START + timedelta(seconds=int(at * 3_600))
        host = source.lower().replace(" ", "-")
        return {
            "id": key,
            "title": draft.headline,
            "text": draft.text(),
            "published_at": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "source": source,
            "url": f"https://{host}.example/{when:%Y/%m/%d}/{key}",
            "language": self.language,
            "key": key,
            "family": parent["family"] if parent else key,
            "relation": relation,
            "parent": parent["key"] if parent else None,
        }

    def original(self, draft: Draft, topic: Topic, at: float, source: str) -> Original:
        """A report of its own, under an agency's dateline if an agency sent it."""
        if source in AGENCIES and self.rng.random() < 0.8:
            town = self.rng.choice(PLACES)
            first = draft.paragraphs[0][0]
            first[0] = f"{town.upper()} ({source}) — {first[0]}"
        return Original(self.record(draft, at, source, "original"), draft, topic, {source})

    def variant(self, original: Original, relation: str, voice: Voice, at: float) -> Record:
        """A record that goes back to an original, in one of the relations of `VARIATIONS`, or `exact`."""
        parent, rng = original.record, self.rng
        if relation == "exact":
            record = self.record(original.draft, at, self.source(original.sources), relation, parent)
            record["text"], record["how"] = reset(parent["text"], self.language, rng)
            return record
        made: Variant = VARIATIONS[relation](original.draft, voice, original.topic, rng)
        if relation != "revision":
            record = self.record(made.draft, at, self.source(original.sources), relation, parent)
        else:
            record = self.record(made.draft, at, parent["source"], relation, parent)
            same_id = rng.random() < 0.5
            record["id" if same_id else "url"] = parent["id" if same_id else "url"]
        if relation == "syndicated" and rng.random() < 0.3:
            record["text"] += f"\n\n{voice.editor(rng, original.topic)}"
        return record | {"how": made.how, "kept": made.kept, "edited": made.edited}


def generate(count: int, seed: int = 1) -> Iterator[Record]:
    """Yield so many records, labels included, in order of publication; the same seed gives the same records."""
    rng = Random(seed)
    voice = PseudoVoice(seed)
    desk = Desk(seed, rng, voice.language)
    templates = [_template(voice, rng) for _ in range(TEMPLATES)]
    pending: list[tuple[float, int, str, Original]] = []
    topics: list[Topic] = []
    step = DAYS * 24 / count
    queued = 0
    while desk.sent < count:
        at = (desk.sent + rng.random()) * step
        if pending and pending[0][0] <= at:
            due, _, relation, parent = heapq.heappop(pending)
            yield desk.variant(parent, relation, voice, due)
            continue
        draw = rng.random()
        if draw < TEMPLATED:
            yield _templated(desk, voice, rng, templates, at)
            continue
        again = topics and draw < TEMPLATED + SAME_SUBJECT
        topic = voice.another_event(rng, rng.choice(topics)) if again else voice.topic(rng)
        picked_up = rng.random() < FAMILY
        original = _original(desk, voice, rng, topic, at, picked_up)
        yield original.record
        topics = [*topics[-199:], topic] if rng.random() < 0.1 else topics
        for relation, delay in _reception(rng) if picked_up else ():
            queued += 1
            heapq.heappush(pending, (at + delay, queued, relation, original))


def length(rng: Random, least: int = 40) -> int:
    """The length of an article in words: lognormal around 350, at most 2,500."""
    return int(min(2_500.0, max(float(least), rng.lognormvariate(math.log(350), 0.55))))


def given(record: Record) -> Record:
    """A record as newsfold gets it: without the labels."""
    return {name: value for name, value in record.items() if name not in LABELS}


def _original(desk: Desk, voice: Voice, rng: Random, topic: Topic, at: float, picked_up: bool) -> Original:
    source = rng.choice(AGENCIES) if rng.random() < (0.7 if picked_up else 0.1) else desk.source()
    draft = compose(voice, rng, topic, length(rng, 160 if picked_up else 40))
    return desk.original(draft, topic, at, source)


def _reception(rng: Random) -> Iterator[tuple[str, float]]:
    """What becomes of a report: relations, and hours until they appear."""
    copies = min(80, int(rng.paretovariate(1.5)))
    for relation in rng.choices(list(MIX), list(MIX.values()), k=copies):
        yield relation, min(48.0, 0.2 + rng.expovariate(1 / 6))


def _template(voice: PseudoVoice, rng: Random) -> list[list[str]]:
    return [voice.raw() for _ in range(rng.randint(4, 9))]


def _templated(desk: Desk, voice: PseudoVoice, rng: Random, templates: list[list[list[str]]], at: float) -> Record:
    """An item of a template: the same sentences, with other names, other numbers, and some other words."""
    template = templates[int(len(templates) ** rng.random()) - 1]
    topic = voice.topic(rng)
    sentences = []
    for raw in template:
        tokens = [f" {voice.number(rng)}" if token[-1].isdigit() and token[1] != "\x00" else token for token in raw]
        tokens = [f" {voice.number(rng)}" if rng.random() < 0.08 and len(t) > 2 else t for t in tokens[:-1]] + tokens[
            -1:
        ]
        sentences.append(voice.filled(tokens, topic))
    draft = Draft(f"{topic.entities[next(iter(topic.entities))][0]}: {rng.randint(2, 9999)}", [sentences], voice.script)
    return desk.record(draft, at, desk.outlets[hash_of(template) % 20], "look-alike")


def hash_of(template: list[list[str]]) -> int:
    """A number that stays the same from run to run (`hash` of a string does not)."""
    return sum(map(len, template[0])) * 31 + len(template)


def main() -> None:
    """Write a corpus as JSON lines, and its labels beside it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--labels", type=Path)
    args = parser.parse_args()
    labels = args.labels.open("wb") if args.labels else None
    with args.out.open("wb") as out:
        for record in generate(args.count, args.seed):
            out.write(orjson.dumps(given(record), option=orjson.OPT_APPEND_NEWLINE))
            if labels:
                label = {name: record[name] for name in ("id", "published_at", *LABELS) if name in record}
                labels.write(orjson.dumps(label, option=orjson.OPT_APPEND_NEWLINE))
    if labels:
        labels.close()


if __name__ == "__main__":
    main()
