"""Transaction two: candidates, exact verification, matches, and the stories regrouped.

Gather (one look), decide (pure, `worker.core`), halve overfull cells, apply (one transaction). Between reading and
writing another worker may have added an appearance to one of the texts; `revision` tells, and what was decided of that
text is left out: its own linking, which that worker owes it, began after ours had committed everything it must see.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, delete, select

from models.dialect import count_less, insert_rows, lock_links, one_of, one_writes, same_item
from models.engine import look, transact
from models.tables import Match
from worker.core import match
from worker.core.candidates import ENOUGH, Listed, counts, propose
from worker.core.cells import leads, within
from worker.core.evidence import Evidence
from worker.core.fingerprint import index_keys
from worker.core.runs import Postings, Spans, find, merge
from worker.core.verify import Laid, Told, promising, verify
from worker.halved import halved_cells
from worker.index import Halved, Halving, Pair, Posted, candidates, halve
from worker.known import Edge, Fresh, Known, component, lay_words, load, load_words, lock
from worker.regroup import regroup

PIECE = 1 << 13
"""Pairs whose words are read and looked at in one go: bounds the memory that takes."""
ON_A_SERVER = 2
"""So many times as many on PostgreSQL, which takes longer for small ones, and whose processes have more memory."""

_PAIR = (Match.text_a == bindparam("a"), Match.text_b == bindparam("b"))
_UNMATCH = delete(Match).where(*_PAIR)
_COLUMNS = (
    "text_a", "text_b", *Edge._fields, "shared_words", "longest_passage", "passages", "reasons", "shared_keys", "firm",
    "index_version",
)  # fmt: skip
"""Of a match, as `_row` has them."""


class _GroundMovedError(Exception):
    """Another worker linked something to these texts while they were being locked; lock that as well."""


class _Link(NamedTuple):
    """A match to be stored."""

    first: int
    """Which of the two texts the evidence has as a."""
    evidence: Evidence
    decision: match.Decision
    keys: NDArray[np.int32] | None
    """The index keys both texts have; None of versions of one item, of which none are asked for."""
    shared: int
    """What those count that led from one to the other when the index was read."""
    firm: bool
    """Whether common ones count for the match, or against it."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was read and decided, to be applied if it still holds."""

    targets: list[int]
    texts: Mapping[int, Known]
    compared: set[int]
    """The numbers of the pairs that were looked at."""
    links: Mapping[Pair, _Link]
    halved: Halved
    near: set[int]
    """The targets, and what they are linked to or versions of."""
    overfull: set[Pair]
    """Cells of the index that are to be halved first, as this plan has them."""


def link(
    engine: Engine,
    text_ids: Collection[int],
    index_version: int,
    window: int | None,
    fresh: Mapping[int, Fresh] = MappingProxyType({}),
    finish: Callable[[Connection], object] | None = None,
) -> None:
    """Match texts against everything stored and regroup the stories they touch. Idempotent.

    Texts that came out more than `window` days apart are not compared (None: all are). `fresh`: what is known of those
    that were just stored. `finish` is called in the transaction that links the last of them.
    """
    targets = sorted(text_ids)
    if finish and not targets:
        transact(engine, finish)
    while targets:
        plan = look(engine, partial(_gather, targets=targets, window=window, fresh=fresh))
        if plan.overfull and not transact(engine, partial(_halve, plan=plan), synced=False):
            continue
        targets, fresh = _applied(engine, plan, index_version, finish), {}


def _applied(
    engine: Engine, plan: _Plan, index_version: int, finish: Callable[[Connection], object] | None
) -> list[int]:
    def work(connection: Connection) -> list[int]:
        left = _apply(connection, plan, index_version)
        if finish and not left:
            finish(connection)
        return left

    while True:
        try:
            return transact(engine, work)
        except _GroundMovedError:
            pass


def warm_up(words: NDArray[np.uint32], headline_words: int) -> None:
    """Load the kernels that linking a text takes."""
    told = {1: (words, headline_words)}
    pairs = np.array([[1, 1]])
    promising(Laid.of([(1, words, headline_words)]), pairs, np.ones(1, np.bool_))
    list(verify(told, {1: match.Profile()}, pairs))
    propose(np.array([[1, 1, 0]]), Listed.of(np.zeros(2, np.int64), np.array([1, 2]), 1), np.zeros(1, np.int64))
    run = Postings(np.array([1], np.int32), np.array([1]), np.array([1], np.int32))
    find(merge([run, run]), Spans.of(np.array([[1, 1, 1]])))


# --- gather -------------------------------------------------------------------------------------------------------


def _gather(connection: Connection, targets: list[int], window: int | None, fresh: Mapping[int, Fresh]) -> _Plan:
    """Read and decide, all as of one moment."""
    others = [text for text in targets if text not in fresh]
    texts = load(connection, others) | {text: one.known for text, one in fresh.items()}
    told = load_words(connection, others)
    keys = {text: index_keys(words) for text, (words, _) in told.items()}
    keys |= {text: one.keys for text, one in fresh.items()}
    told |= {text: one.told for text, one in fresh.items()}
    targets = [text for text in targets if text in texts and text in told]  # others were pruned
    if not targets:
        return _Plan([], {}, set(), {}, {}, set(), set())
    found = candidates(connection, {text: Posted(keys[text], texts[text].places) for text in targets})
    versions = _same_item(connection, targets)
    hopeful: dict[Pair, int] = {}
    piece = PIECE * (ON_A_SERVER if connection.dialect.name == "postgresql" else 1)
    for start in range(0, len(found.pairs), piece):
        hopeful |= _promising(connection, found.pairs[start : start + piece], told)
    told |= load_words(connection, {text for pair in versions for text in pair} - told.keys())
    pairs = hopeful.keys() | versions
    texts |= load(connection, {text for pair in pairs for text in pair} - texts.keys())
    links = {}
    for pair, first, evidence, decision in _verified(pairs, told, texts, set(targets)):
        relation = decision.relation
        if relation and (pair in versions or within(texts[pair[0]].places, texts[pair[1]].places, window)):
            both = None if pair in versions else _shared_keys(pair, keys, told)
            firm = both is None or match.is_firm(evidence, relation)
            shared = hopeful.get(pair, 0)
            if both is not None and not firm:
                shared = sum(counts(key, found.halved.get(key, ()), firm=False) for key in both.tolist())
            if both is None or shared >= ENOUGH:
                links[pair] = _Link(first, evidence, decision, both, shared, firm)
    # Versions of one item are regrouped together even if they share no word: one may withdraw the other.
    near = {text for pair in links.keys() | versions for text in pair} | set(targets)
    compared = set(_numbers(found.pairs[:, :2])) | set(_numbers(versions))
    return _Plan(targets, texts, compared, links, found.halved, near, found.overfull)


def _shared_keys(pair: Pair, keys: dict[int, NDArray[np.int32]], told: Mapping[int, Told]) -> NDArray[np.int32]:
    """The index keys that both texts have; `keys` keeps those of texts that come up again."""
    for text in pair:
        if text not in keys:
            keys[text] = index_keys(told[text][0])
    return np.intersect1d(keys[pair[0]], keys[pair[1]], assume_unique=True)


def _numbers(pairs: NDArray[np.int64] | Collection[Pair]) -> list[int]:
    """One number for each pair of texts, whichever comes first: thousands of tuples take their time."""
    rows = pairs if isinstance(pairs, np.ndarray) else np.array(list(pairs), np.int64).reshape(-1, 2)
    return cast("list[int]", (rows.min(axis=1) << 32 | rows.max(axis=1)).tolist())


def _promising(connection: Connection, pairs: NDArray[np.int64], told: dict[int, Told]) -> dict[Pair, int]:
    """The pairs that could be one story, as far as their words and keys tell, and what their keys count if firm.

    `told` gets the words of those, and of no others: most of what is proposed is read once and forgotten.
    """
    laid = lay_words(connection, set(pairs[:, :2].ravel().tolist()), told)
    pairs = pairs[np.isin(pairs[:, :2], laid.texts).all(axis=1)]  # others were pruned
    hopeful = pairs[promising(laid, pairs[:, :2], pairs[:, 3] < ENOUGH)].tolist()
    for one, two, _, _ in hopeful:
        for text in (one, two):
            if text not in told:
                told[text] = laid.told(text)
    return {(min(one, two), max(one, two)): firm for one, two, firm, _ in hopeful}


def _verified(
    pairs: Collection[Pair], told: Mapping[int, Told], texts: Mapping[int, Known], targets: Collection[int]
) -> Iterator[tuple[Pair, int, Evidence, match.Decision]]:
    """The pairs that are one story, which of the two is a, and why."""
    # Each target with all its others in a row, so that what is computed of it serves for all.
    rows = sorted((a, b) if a in targets else (b, a) for a, b in pairs)
    profiles = {text: texts[text].profile for row in rows for text in row}
    for at, evidence, decision in verify(told, profiles, np.array(rows, np.int64).reshape(-1, 2)):
        one, two = rows[at]
        yield (min(one, two), max(one, two)), one, evidence, decision


def _same_item(connection: Connection, ids: Sequence[int]) -> set[Pair]:
    """Pairs of these texts with any other that appeared under the same source and id, or the same URL."""
    return {(min(a, b), max(a, b)) for a, b in same_item(connection, ids)}


# --- apply --------------------------------------------------------------------------------------------------------


def _apply(connection: Connection, plan: _Plan, index_version: int) -> list[int]:
    """Write what was decided, but not of texts that changed since; return the targets among those, to be linked again.

    A text that changed is owed its links by whoever changed it, and those were not looked for before all of this plan's
    texts were there to be found. The same goes for what came in after this plan was read: of that nothing was seen.
    """
    lock_links(connection, alone=False)
    members, edges = component(connection, plan.near)
    standing = lock(connection, members)
    if not one_writes(connection):  # as it is now that nobody else can change it
        members, edges = component(connection, plan.near & standing.keys())
        if not members <= standing.keys():
            raise _GroundMovedError
    members &= standing.keys()  # others were pruned
    same = {text for text in members if text in plan.texts and plan.texts[text].revision == standing[text].revision}
    links = _still_led_to(connection, plan, same)
    numbers = zip(edges, _numbers(edges), strict=True)
    stale = {pair for pair, number in numbers if number in plan.compared and same.issuperset(pair)}
    _write_matches(connection, links, stale, index_version)
    edges = {pair: edge for pair, edge in edges.items() if pair not in stale}
    edges |= {pair: _edge(pair, link) for pair, link in links.items()}
    others = members - same
    texts = {text: plan.texts[text] for text in same} | load(connection, others)
    linked = [text for text in plan.targets if text in same]
    regroup(connection, texts, standing, edges, linked=linked)
    return [text for text in plan.targets if text in others]


def _still_led_to(connection: Connection, plan: _Plan, same: set[int]) -> dict[Pair, _Link]:
    """The links between texts that are the same as when they were decided, less those whose keys lead there no more:
    another worker may have halved cells since they were read."""
    links = {pair: link for pair, link in plan.links.items() if same.issuperset(pair)}
    asked = [link.keys for link in links.values() if link.keys is not None]
    now = halved_cells(connection, np.unique(np.concatenate(asked))) if asked else {}
    changed = {key: split for key, split in now.items() if split != plan.halved.get(key, set())}
    for (a, b), link in list(links.items()) if changed else ():
        own = () if link.keys is None else changed.keys() & set(link.keys.tolist())
        places = plan.texts[a].places, plan.texts[b].places
        shared = link.shared
        for key in own:
            for halved, sign in ((plan.halved.get(key, set()), -1), (changed[key], 1)):
                if not link.firm or leads(*places, halved):
                    shared += sign * counts(key, halved, firm=link.firm)
        links[a, b] = link._replace(shared=shared)
        if link.keys is not None and shared < ENOUGH:
            del links[a, b]
    return links


def _halve(connection: Connection, plan: _Plan) -> bool:
    """Halve cells of common keys; tell whether they are as the plan has them, or were pruned before.

    What was matched before a key became common must end as what comes after does; so nobody links meanwhile.
    """
    lock_links(connection, alone=True)
    halving = halve(connection, plan.overfull)
    _take_back(connection, halving)
    return all(set(plan.halved[key]) <= set(halving.after[key]) for key, _ in plan.overfull)


def _take_back(connection: Connection, halving: Halving) -> None:
    """Count what keys lead along no more off the matches, and take back those that are left with too little."""
    lost = dict(halving.lost)
    texts = load(connection, {text for pair in halving.cut for text in pair})
    for (a, b), keys in halving.cut.items():
        places = texts[a].places, texts[b].places
        lost[a, b] += sum(
            counts(key, halving.after[key], firm=True)
            for key in keys
            if leads(*places, halving.before.get(key, ())) and not leads(*places, halving.after[key])
        )
    cut = [(less, a, b) for (a, b), less in sorted(lost.items()) if less]
    if not cut:
        return
    count_less(connection, cut)
    firsts = one_of(Match.text_a, [a for _, a, _ in cut])
    doomed = select(Match.text_a, Match.text_b).where(firsts, Match.shared_keys < ENOUGH)
    gone = {(row.text_a, row.text_b) for row in connection.execute(doomed)}
    if not gone:
        return
    members, edges = component(connection, {text for ends in gone for text in ends})
    standing = lock(connection, members)
    connection.execute(_UNMATCH, [{"a": a, "b": b} for a, b in sorted(gone)])
    left = {ends: edge for ends, edge in edges.items() if ends not in gone}
    regroup(connection, load(connection, members), standing, left)


def _write_matches(
    connection: Connection, links: Mapping[Pair, _Link], stored: Collection[Pair], index_version: int
) -> None:
    """Replace what is stored of the compared pairs, and of no others: those are another worker's."""
    if stored:
        connection.execute(_UNMATCH, [{"a": a, "b": b} for a, b in sorted(stored)])
    insert_rows(connection, Match, _COLUMNS, [_row(pair, link, index_version) for pair, link in sorted(links.items())])


def _edge(pair: Pair, link: _Link) -> Edge:
    evidence = link.evidence
    containment = _turned((evidence.containment_a, evidence.containment_b), pair, link)
    return Edge(str(link.decision.relation), link.decision.strength, evidence.jaccard, *containment)


def _turned(two: tuple[Any, Any], pair: Pair, link: _Link) -> tuple[Any, Any]:
    """What the evidence says of a and b, in the order of the pair."""
    return two if link.first == pair[0] else (two[1], two[0])


def _row(pair: Pair, link: _Link, index_version: int) -> tuple[Any, ...]:
    evidence = link.evidence
    return (
        *pair,
        *_edge(pair, link),
        evidence.shared_words,
        evidence.longest_passage,
        evidence.passages if link.first == pair[0] else [(b, a, words) for a, b, words in evidence.passages],
        list(link.decision.reasons),
        None if link.keys is None else link.shared,
        link.firm,
        index_version,
    )
