"""Transaction two: candidates, exact verification, matches, and the stories regrouped.

Gather (reads only), decide (pure, `worker.core`), apply (one transaction). Between reading and writing another worker
may have added an appearance to one of the texts; `revision` tells, and the round starts over.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, String, bindparam, cast, delete, func, insert, select, update
from sqlalchemy.orm import aliased

from models.dialect import one_of
from models.engine import look, transact
from models.tables import Article, Match, Text, TextKey
from worker.core import match
from worker.core.candidates import propose, share_passage
from worker.core.evidence import Evidence, compare
from worker.core.fingerprint import index_keys
from worker.known import Known, component, load, load_words
from worker.regroup import regroup, update_rows


class _GroundMovedError(Exception):
    """A text changed between reading and writing; read again."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """What was read and decided, to be applied if it still holds."""

    targets: list[int]
    texts: Mapping[int, Known]
    compared: set[tuple[int, int]]
    matches: Mapping[tuple[int, int], tuple[Evidence, match.Decision]]
    component: set[int]


def link(engine: Engine, text_ids: Sequence[int], index_version: int) -> None:
    """Match texts against everything stored and regroup the stories they touch. Idempotent."""
    if not text_ids:
        return
    while True:
        plan = look(engine, partial(_gather, targets=sorted(text_ids)))
        try:
            transact(engine, partial(_apply, plan=plan, index_version=index_version))
        except _GroundMovedError:
            continue
        return


# --- gather -------------------------------------------------------------------------------------------------------


def _gather(connection: Connection, targets: list[int]) -> _Plan:
    words = load_words(connection, targets)
    versions = _same_item(connection, targets)
    proposed = _share_keys(connection, words) | versions
    words |= load_words(connection, sorted({text for pair in proposed for text in pair} - words.keys()))
    compared = _passing(proposed, words, set(targets))
    texts = load(connection, sorted({text for pair in compared for text in pair} | set(targets)))
    matches = {}
    for a, b in sorted(compared):
        one, two = texts[a], texts[b]
        evidence = compare(words[a], one.headline_words, words[b], two.headline_words)
        decision = match.decide(evidence, one.profile, two.profile)
        if decision.relation is not None:
            matches[a, b] = (evidence, decision)
    # Versions of one item are regrouped together even if they share no word: one may withdraw the other.
    near = {text for pair in matches.keys() | versions for text in pair} | set(targets)
    return _Plan(targets, texts, compared, matches, component(connection, near)[0])


def _passing(
    proposed: Iterable[tuple[int, int]], words: Mapping[int, NDArray[np.uint32]], targets: Collection[int]
) -> set[tuple[int, int]]:
    """The proposed pairs that share a passage."""
    by_target = defaultdict(list)
    for a, b in proposed:
        target, other = (a, b) if a in targets else (b, a)
        by_target[target].append(other)
    return {
        (min(target, other), max(target, other))
        for target, others in by_target.items()
        for other, shares in zip(others, share_passage(words[target], [words[o] for o in others]), strict=True)
        if shares
    }


def _share_keys(connection: Connection, words: Mapping[int, NDArray[np.uint32]]) -> set[tuple[int, int]]:
    """Pairs (smaller id first) of these texts with any other that share enough index keys."""
    keys = {text: index_keys(own) for text, own in words.items()}
    return propose(keys, *_postings(connection, np.unique(np.concatenate(list(keys.values())))))


def _same_item(connection: Connection, ids: Sequence[int]) -> set[tuple[int, int]]:
    """Pairs of these texts with any other that appeared under the same source and id, or the same URL."""
    pairs = set()
    twin = aliased(Article)
    for mine, same in ((Article.item, twin.item), (Article.link, twin.link)):
        shared = (
            select(Article.text_id, twin.text_id)
            .join(twin, same == mine)
            .where(one_of(connection, Article.text_id, ids), twin.text_id != Article.text_id)
            .distinct()
        )
        pairs |= {(min(a, b), max(a, b)) for a, b in connection.execute(shared)}
    return pairs


def _postings(connection: Connection, keys: NDArray[np.int32]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read the index: (key, text) rows of those keys that more than one text has, as two arrays.

    One string a key instead of one row a posting: most of the time went into making rows.
    """
    listed = func.aggregate_strings(cast(TextKey.text_id, String), ",")
    query = select(TextKey.key, func.count(), listed).where(one_of(connection, TextKey.key, keys.tolist()))
    found = connection.execute(query.group_by(TextKey.key).having(func.count() > 1)).all()
    texts = (
        np.fromstring(",".join(row[2] for row in found), dtype=np.int64, sep=",") if found else np.empty(0, np.int64)
    )
    return np.repeat(np.array([row[0] for row in found], np.int64), [row[1] for row in found]), texts


# --- apply --------------------------------------------------------------------------------------------------------


def _apply(connection: Connection, plan: _Plan, index_version: int) -> None:
    _lock(connection, plan)
    _, edges = component(connection, plan.component)
    _write_matches(connection, plan, edges.keys() & plan.compared, index_version)
    members, edges = component(connection, plan.component)
    if not members <= plan.component:  # another worker linked something to these texts in the meantime
        raise _GroundMovedError
    rows = [{"id": text, "article_id": plan.texts[text].article_id} for text in plan.targets]
    update_rows(connection, Text, rows)
    regroup(connection, sorted(members), edges)
    connection.execute(update(Text).where(one_of(connection, Text.id, plan.targets)).values(linked=True))


def _lock(connection: Connection, plan: _Plan) -> None:
    """Lock every text of the component in id order; start over if one of those read has changed since."""
    ids = sorted(plan.component | plan.texts.keys())
    locked = select(Text.id, Text.revision).where(one_of(connection, Text.id, ids)).order_by(Text.id)
    for row in connection.execute(locked.with_for_update()):
        if row.id in plan.texts and plan.texts[row.id].revision != row.revision:
            raise _GroundMovedError


def _write_matches(
    connection: Connection, plan: _Plan, stored: Collection[tuple[int, int]], index_version: int
) -> None:
    """Replace what is stored of the compared pairs, and of no others: those are another worker's."""
    if stored:
        pair = (Match.text_a == bindparam("a"), Match.text_b == bindparam("b"))
        connection.execute(delete(Match).where(*pair), [{"a": a, "b": b} for a, b in stored])
    rows = [
        {
            "text_a": a,
            "text_b": b,
            "relation": decision.relation,
            "strength": decision.strength,
            "jaccard": evidence.jaccard,
            "containment_a": evidence.containment_a,
            "containment_b": evidence.containment_b,
            "shared_words": evidence.shared_words,
            "longest_passage": evidence.longest_passage,
            "passages": [list(passage) for passage in evidence.passages],
            "reasons": list(decision.reasons),
            "index_version": index_version,
        }
        for (a, b), (evidence, decision) in sorted(plan.matches.items())
    ]
    if rows:
        connection.execute(insert(Match), rows)
