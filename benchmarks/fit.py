"""Fit the weights of `worker.core.features` on labelled pairs of news, and print them with held-out scores.

    python -m benchmarks.fit --data DIR

`DIR` holds the sets that `benchmarks.quality --data` scores (`docs.jsonl.gz` with `event` labels or a `pairs.csv`).
Besides them go in: planted families of a seed that `benchmarks.quality` does not use, and real texts of the sets cut,
edited, merged and given other numbers by `variations`. Held out are sixths: of the time for newswire, of the topics
for events; what is printed as precision and recall was never fitted. Nothing is written: copy WEIGHTS, BIAS and
_USUAL (of `worker.core.match`) over by hand, and say so in the changelog.
"""

import argparse
import csv
import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import given
from benchmarks.planted import planted
from worker.core.article import Article
from worker.core.candidates import Listed, propose
from worker.core.evidence import Evidence, compare
from worker.core.fingerprint import Fingerprint, fingerprint
from worker.core.match import features
from worker.core.normalise import Normalised, normalise

FOLDS = 6
REUSE = 0.1
"""Jaccard similarity of the raw texts from which two reports of one event count as copies."""
WEIGHT = {"read": 1.0, "rule": 0.25, "events": 0.4, "varied": 0.5, "planted": 0.5}
"""What a pair counts for: pairs read by people most."""
RIDGE = 1.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled pair: where it comes from, which sixth holds it out, what decides, and whether it is one story."""

    origin: str
    fold: int
    values: dict[str, float]
    same: bool


@dataclass(frozen=True, slots=True)
class Doc:
    """A text as matched."""

    normal: Normalised
    print: Fingerprint
    source: str | None
    record: dict[str, Any]


def main() -> None:
    """Read, fit, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    pairs: list[Pair] = []
    texts: list[Normalised] = []
    for folder in sorted(path.parent for path in parser.parse_args().data.glob("*/docs.jsonl.gz")):
        docs = read(folder)
        texts += [doc.normal for doc in docs]
        pairs += labelled(folder, docs)
    pairs += [*variations(texts), *planted_pairs()]
    names = list(pairs[0].values)
    x = np.array([[pair.values[name] for name in names] for pair in pairs])
    held_out(pairs, x)
    weights, bias = fit(x, pairs)
    print(json.dumps({"WEIGHTS": dict(zip(names, weights.round(3).tolist(), strict=True)), "BIAS": round(bias, 3)}))
    print(json.dumps({"_USUAL": dict(zip(names, x.mean(0).round(2).tolist(), strict=True))}))


def read(folder: Path) -> list[Doc]:
    """The texts of a set, normalised."""
    with gzip.open(folder / "docs.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [doc(json.loads(line)) for line in lines]


def doc(record: dict[str, Any]) -> Doc:
    """A JSON record as matched."""
    article = Article(
        text=record["text"],
        headline=record.get("title") or "",
        source=record.get("source"),
        published_at=moment(record.get("published_at")),
    )
    normal = normalise(article)
    return Doc(normal, fingerprint(normal.headline, normal.body), article.source, record)


def moment(text: str | None) -> datetime | None:
    """An ISO time, if it is one."""
    try:
        at = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at and at.tzinfo is None else at


def labelled(folder: Path, docs: list[Doc]) -> Iterator[Pair]:
    """Pairs a set has labels for, of those that newsfold would compare."""
    if (folder / "pairs.csv").exists():
        at = {doc.record["id"]: number for number, doc in enumerate(docs)}
        with (folder / "pairs.csv").open(newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["label"] in ("same", "different")]
        rows.sort(key=lambda row: min(at[row["id_a"]], at[row["id_b"]]))
        for number, row in enumerate(rows):
            a, b = docs[at[row["id_a"]]], docs[at[row["id_b"]]]
            yield pair(row["how"], number * FOLDS // len(rows), a, b, row["label"] == "same")
    elif "event" in docs[0].record:
        yield from _events(docs)


def _events(docs: list[Doc]) -> Iterator[Pair]:
    topics = [str(doc.record["event"]) for doc in docs]
    for i, j in candidates(docs):
        same = topics[i] == topics[j]
        if not same or raw_overlap(docs[i], docs[j]) >= REUSE:
            yield pair("events", int(re.sub(r"\D", "", topics[i]) or 0) % FOLDS, docs[i], docs[j], same)


def raw_overlap(a: Doc, b: Doc) -> float:
    """Jaccard similarity of the word 5-grams of the texts as delivered."""
    one, two = (
        {tuple(words[i : i + 5]) for i in range(len(words) - 4)}
        for words in (re.findall(r"\w+", f"{d.record.get('title') or ''}\n{d.record['text']}".lower()) for d in (a, b))
    )
    return len(one & two) / max(len(one | two), 1)


def candidates(docs: list[Doc]) -> list[tuple[int, int]]:
    """The pairs that the index proposes."""
    texts = np.repeat(np.arange(len(docs)), [len(doc.print.keys) for doc in docs])
    keys = np.concatenate([doc.print.keys for doc in docs]).astype(np.int64)
    distinct, numbers = np.unique(keys, return_inverse=True)
    listed, common = Listed.of(numbers, texts, len(distinct)), np.zeros_like(distinct)
    found = propose(np.column_stack((texts, keys, numbers)), listed, common)
    return sorted((min(pair), max(pair)) for pair in found[:, :2].tolist())


def pair(origin: str, fold: int, a: Doc, b: Doc, same: bool) -> Pair:
    """A pair of texts with what decides about it."""
    times = a.normal.published_at, b.normal.published_at
    hours = abs((times[0] - times[1]).total_seconds()) / 3600 if times[0] and times[1] else None
    one_source = a.source is not None and a.source == b.source
    return Pair(origin, fold, features(evidence(a.print, b.print), hours, one_source), same)


def evidence(a: Fingerprint, b: Fingerprint) -> Evidence:
    """What two texts share."""
    return compare(a.words, a.headline_words, b.words, b.headline_words)


def planted_pairs() -> Iterator[Pair]:
    """Pairs of planted families, and every twentieth that the index proposes between two families."""
    plant = planted(families=10, lookalike_pairs=240, seed=2)
    docs = [
        doc(given(record) | {key: record.get(key) for key in ("family", "also", "relation")})
        for record in plant.records
    ]
    for number, (i, j) in enumerate(candidates(docs)):
        a, b = docs[i].record, docs[j].record
        fold = int(re.sub(r"\D", "", a["family"]) or 0) % FOLDS
        same = a["family"] == b["family"]
        merged = {a["also"], b["also"]} - {None}
        if (same and "original" in (a["relation"], b["relation"])) or (not same and not merged and number % 20 == 0):
            yield pair("planted", fold, docs[i], docs[j], same)


# --- variations on real texts -------------------------------------------------------------------------------------


def variations(texts: list[Normalised], count: int = 600, seed: int = 1) -> Iterator[Pair]:
    """Copies and look-alikes made of real texts: what the labelled sets hold too few of."""
    rng = Random(seed)
    long = [text for text in texts if len(text.body.split()) > 110 and text.headline]
    ways: list[tuple[float, Callable[[Random, Normalised, Normalised], tuple[str, str, str, str] | None], bool]] = [
        (0.2, _edited, True), (0.5, _cut, True), (0.7, _framed, True), (0.8, _merged, True), (0.85, _stock, False),
        (1.0, _refilled, False),
    ]  # fmt: skip
    for number in range(count):
        text, other, draw = rng.choice(long), rng.choice(long), rng.random()
        make, same = next((make, same) for until, make, same in ways if draw < until)
        made = make(rng, text, other)
        if made:
            a, b = fingerprint(made[0], made[1]), fingerprint(made[2], made[3])
            hours = rng.choice([None, 0.0, 0.0, 1.0, 2.0, 6.0, 12.0, 24.0, 72.0, 240.0])
            yield Pair("varied", number % FOLDS, features(evidence(a, b), hours, rng.random() < 0.4), same)


def _sentences(body: str) -> list[str]:
    return [part for part in re.split(r'(?<=[.!?”"])\s+(?=[A-Z“"])', body) if len(part.split()) > 3]


def _headline(rng: Random, text: Normalised, other: Normalised) -> str:
    words = text.headline.split()
    return rng.choice([text.headline, other.headline, " ".join(rng.sample(words, (len(words) + 1) // 2))])


def _edited(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str]:
    rate = rng.uniform(0.01, 0.1)
    put = ("moreover", "plan", "also", "two", "later")
    words = [rng.choice(put) if rng.random() < rate else w for w in text.body.split() if rng.random() > rate / 3]
    return text.headline, text.body, _headline(rng, text, other), " ".join(words)


def _cut(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str] | None:
    sentences = _sentences(text.body)
    count = max(2, int(len(sentences) * rng.uniform(0.2, 0.8)))
    if len(sentences) < 4:
        return None
    kept = sentences[:count] if rng.random() < 0.5 else _some(rng, sentences, count)
    return text.headline, text.body, _headline(rng, text, other), " ".join(kept)


def _framed(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str] | None:
    sentences, others = _sentences(text.body), _sentences(other.body)
    if len(sentences) < 4 or len(others) < 5:
        return None
    kept = _some(rng, sentences, max(2, int(len(sentences) * rng.uniform(0.4, 1))))
    body = [*others[: rng.randint(1, 3)], *kept, *others[3 : rng.randint(3, 5)]]
    return text.headline, text.body, _headline(rng, text, other), " ".join(body)


def _merged(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str]:
    return text.headline, text.body, _headline(rng, text, other), f"{text.body} {other.body}"


def _stock(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str]:
    stock = re.sub(r"\d+", "", other.body.lower()).split()[-rng.randint(12, 60) :]
    half = " ".join(other.body.split()[: len(other.body.split()) // 2])
    return text.headline, f"{text.body} {' '.join(stock)}", other.headline, f"{half} {' '.join(stock)}"


def _refilled(rng: Random, text: Normalised, other: Normalised) -> tuple[str, str, str, str]:
    """The same template with other numbers and names."""
    names = {
        name: rng.choice(other.body.split()).strip(".,").title()
        for name in re.findall(r"\b[A-Z][a-z]{2,}\b", text.body)
    }

    def refill(part: str) -> str:
        part = re.sub(r"\d", lambda _: rng.choice("123456789"), part)
        return re.sub(r"\b[A-Z][a-z]{2,}\b", lambda found: names.get(found[0], found[0]), part)

    return text.headline, text.body, refill(text.headline), refill(text.body)


def _some(rng: Random, sentences: list[str], count: int) -> list[str]:
    return [sentences[at] for at in sorted(rng.sample(range(len(sentences)), count))]


# --- logistic regression ------------------------------------------------------------------------------------------


def fit(x: Floats, pairs: list[Pair]) -> tuple[Floats, float]:
    """Weights and bias of a ridge logistic regression, by Newton's method on standardised features."""
    mean, spread = x.mean(0), x.std(0) + 1e-9
    z = np.c_[(x - mean) / spread, np.ones(len(x))]
    y = np.array([float(pair.same) for pair in pairs])
    w = np.array([WEIGHT[pair.origin] for pair in pairs])
    ridge = np.diag([RIDGE] * x.shape[1] + [1e-9])
    theta = np.zeros(z.shape[1])
    for _ in range(60):
        p = 1 / (1 + np.exp(-np.clip(z @ theta, -30, 30)))
        gradient = z.T @ (w * (p - y)) + ridge @ theta
        theta -= np.linalg.solve((z * (w * p * (1 - p) + 1e-9)[:, None]).T @ z + ridge, gradient)
    weights = theta[:-1] / spread
    return weights, float(theta[-1] - weights @ mean)


def held_out(pairs: list[Pair], x: Floats) -> None:
    """Print precision and recall of each origin, every pair judged by weights fitted without its sixth."""
    folds = np.array([pair.fold for pair in pairs])
    score = np.empty(len(pairs))
    for fold in range(FOLDS):
        rest = [pair for pair in pairs if pair.fold != fold]
        weights, bias = fit(x[folds != fold], rest)
        score[folds == fold] = x[folds == fold] @ weights + bias
    for origin in WEIGHT:
        mine = [(s > 0, pair.same) for s, pair in zip(score, pairs, strict=True) if pair.origin == origin]
        right = sum(said and same for said, same in mine)
        said, same = sum(s for s, _ in mine), sum(s for _, s in mine)
        print(
            f"{origin:8} {len(mine):6} pairs  precision {right / max(said, 1):.3f}  recall {right / max(same, 1):.3f}"
        )


if __name__ == "__main__":
    main()
