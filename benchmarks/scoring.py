"""Planted labels against found stories: who was tied to whom, as what, and who was welded by mistake."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from benchmarks.corpus import Record
from benchmarks.planted import RELATIONS, Planted

APART = "apart"


@dataclass(frozen=True, slots=True)
class Found:
    """The story a record was put in, and its relation to the story's canonical article there."""

    story: str
    relation: str


def score(plant: Planted, found: dict[str, Found]) -> dict[str, Any]:
    """All figures of one run.

    A variant counts as linked if it shares a story with its original (a merged copy: with either of its two), and
    as right if its relation there is the planted one. An original or a look-alike counts as `apart`.
    """
    by_key = {r["key"]: r for r in plant.records}
    outcomes = [(r, _outcome(r, by_key, found)) for r in plant.records if r["relation"] != "original"]
    alone = [(r, APART) for r, outcome in outcomes if r["relation"] == "look-alike" and outcome == APART]
    welded = sum(a in found and b in found and found[a].story == found[b].story for a, b in plant.apart)
    languages = sorted({r["language"] for r in plant.records}, key=lambda code: (code != "en", code))
    return {
        "records": len(plant.records),
        "missing": len(plant.records) - len(found),
        "confusion": _confusion(outcomes),
        "relations": _relations(outcomes),
        "languages": {code: _language(code, outcomes) for code in languages},
        "by_how": _by_how(outcomes),
        "originals_not_canonical": sum(
            r["relation"] == "original" and r["key"] in found and found[r["key"]].relation != "canonical"
            for r in plant.records
        ),
        "lookalike_pairs": len(plant.apart),
        "lookalike_pairs_merged": welded,
        "lookalikes_apart": len(alone),
        "foreign_pairs": _foreign_pairs(plant.records, found),
    }


def _outcome(record: Record, by_key: dict[str, Record], found: dict[str, Found]) -> str:
    hit = found.get(record["key"])
    if hit is None:
        return APART
    if record["relation"] == "look-alike":
        return APART if hit.relation == "canonical" else hit.relation
    parents = [record["parent"], *([record["also"]] if record.get("also") else [])]
    stories = {found[p].story for p in parents if p in found}
    return hit.relation if hit.story in stories else APART


def _confusion(outcomes: Iterable[tuple[Record, str]]) -> dict[str, dict[str, int]]:
    table: dict[str, Counter[str]] = {name: Counter() for name in (*RELATIONS, "look-alike")}
    for record, outcome in outcomes:
        table[record["relation"]][outcome] += 1
    return {name: dict(row) for name, row in table.items()}


def _relations(outcomes: list[tuple[Record, str]]) -> dict[str, dict[str, float]]:
    report = {}
    for name in RELATIONS:
        planted = [outcome for record, outcome in outcomes if record["relation"] == name]
        claimed = [record["relation"] for record, outcome in outcomes if outcome == name]
        report[name] = {
            "planted": len(planted),
            "precision": _share(claimed.count(name), len(claimed)),
            "recall": _share(planted.count(name), len(planted)),
            "linked": _share(sum(outcome != APART for outcome in planted), len(planted)),
        }
    return report


def _language(code: str, outcomes: list[tuple[Record, str]]) -> dict[str, float]:
    rows = [(r["relation"], outcome) for r, outcome in outcomes if r["language"] == code]
    recall = {n: _share(sum(r == n == o for r, o in rows), sum(r == n for r, _ in rows)) for n in RELATIONS}
    linked = [o != APART for r, o in rows if r in RELATIONS]
    return recall | {
        "linked": _share(sum(linked), len(linked)),
        "merged": sum(r == "look-alike" and o != APART for r, o in rows),
    }


def _by_how(outcomes: Iterable[tuple[Record, str]]) -> dict[str, dict[str, float]]:
    """Recall by what was done to the text."""
    groups: dict[str, list[str]] = defaultdict(list)
    for record, outcome in outcomes:
        if record["relation"] in RELATIONS:
            groups[f"{record['relation']}: {record.get('how', '')}"].append(
                "right" if outcome == record["relation"] else "apart" if outcome == APART else "other"
            )
    return {
        how: {"planted": len(g), "recall": _share(g.count("right"), len(g)), "apart": _share(g.count(APART), len(g))}
        for how, g in sorted(groups.items())
    }


def _foreign_pairs(records: list[Record], found: dict[str, Found]) -> int:
    """Pairs in one story that belong to two families; a merged copy is at home in both of its own."""
    stories: dict[str, list[set[str]]] = defaultdict(list)
    for record in records:
        if record["key"] in found:
            stories[found[record["key"]].story].append({record["family"], record.get("also") or record["family"]})
    return sum(not (a & b) for homes in stories.values() for a, b in combinations(homes, 2))


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 1.0
