"""The candidate index as it is stored: the newest postings in sorted runs, all others entered (`worker.entered`).

Every transaction that stores postings adds a run, cut into shards by key. While more wait than should, each of these
enters the fullest shard: so the work is spread, and nobody waits for all of it. Runs never change, and a
process keeps what it has read of them.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, bindparam, delete, select

from models import dialect
from models.tables import PostingRun
from worker import filters
from worker.core.candidates import Listed
from worker.core.runs import SHARD_BITS, Postings, Span, Spans, find, joined, merge, pack, part, shards, unpack
from worker.entered import entered

WAITING: Final = 1 << 21
"""Postings that may wait in all shards, 16 bytes each in every process; twice as many where few articles come, which
would feel it. In all together: the fullest then holds nearly twice what each could hold if each had a limit of its own,
which all reach at once; and the more it holds, the more of them share a page."""
ON_A_SERVER: Final = 2
"""So many times as many wait on PostgreSQL, which takes longer to enter them, and whose processes have more memory."""
SMALL: Final = 4096
"""Postings from which a shard's part of a run is cut off: each run is one more to look into."""
UNCUT: Final = -1
"""The shard of what is left of a run."""
ALIKE: Final = 4
"""Runs of about one size that are made one run, so that there are never many:"""
TIER: Final = 3
"""of as many bits, as far as these go into it: within a factor of eight."""

Numbers = NDArray[np.int64]

_KEPT: WeakKeyDictionary[Engine, dict[int, Postings]] = WeakKeyDictionary()
"""Runs that were written or read, by id. Those are drawn at random, so that none is given twice, not even after a
restore."""

_IDS = select(PostingRun.id)
_IN_SHARD = _IDS.where(PostingRun.shard == bindparam("shard"))
_AMONG = PostingRun.id.in_(bindparam("ids", expanding=True))
_TAKEN = _IDS.where(_AMONG).with_for_update(skip_locked=True)
_GONE = delete(PostingRun).where(_AMONG)


def add(connection: Connection, postings: Postings) -> None:
    """Store postings, none of which is there."""
    if len(postings.keys):
        _write(connection, postings)
        _tidy(connection, WAITING if len(postings.keys) >= SMALL else 2 * WAITING)


def settle(connection: Connection) -> None:
    """Enter all there is. The caller holds off everybody else who stores."""
    for shard in (UNCUT, *range(1 << SHARD_BITS)):
        _enter(connection, shard)


def wait(connection: Connection, texts: Sequence[int]) -> bool:
    """Whether postings of any of these texts wait in runs."""
    return any(np.isin(run.texts, texts).any() for run in recent(connection))


def _write(connection: Connection, postings: Postings, shard: int = UNCUT) -> None:
    parts = _cut(postings) if shard == UNCUT else [(shard, postings)]
    runs = [(secrets.randbits(63), *run) for run in parts]
    rows = [(i, part, len(run.keys), pack(run)) for i, part, run in runs]
    dialect.insert_rows(connection, PostingRun, ("id", "shard", "postings", "data"), rows)
    kept = _KEPT.setdefault(connection.engine, {})
    for i, _, run in runs:  # copied, or one that is left would hold the memory of all
        kept[i] = Postings(run.keys.copy(), run.places.copy(), run.texts.copy())


def _cut(postings: Postings) -> list[tuple[int, Postings]]:
    """Cut off the parts that are large enough, each with its shard; all others stay together."""
    if len(postings.keys) < SMALL:
        return [(UNCUT, postings)]
    parts = [(shard, part(postings, start, end)) for shard, start, end in shards(postings.keys)]
    cut = [(shard, run) for shard, run in parts if len(run.keys) >= SMALL]
    rest = [run for _, run in parts if len(run.keys) < SMALL]
    return [*cut, (UNCUT, joined(rest))] if rest else cut


def _tidy(connection: Connection, waiting: int) -> None:
    """Make one run of many alike (tiered compaction), and enter the fullest shard if more than `waiting` waited."""
    alike: dict[tuple[int, int], list[int]] = defaultdict(list)
    held: Counter[int] = Counter()
    for shard, postings, run in dialect.run_sizes(connection):
        alike[shard, postings.bit_length() // TIER].append(run)
        held[shard] += postings
    for (shard, _), runs in alike.items():
        if len(runs) >= ALIKE and (taken := _take(connection, runs)):
            _write(connection, merge(taken), shard)
    del held[UNCUT]
    if held.total() > waiting * (ON_A_SERVER if connection.dialect.name == "postgresql" else 1):
        ((fullest, _),) = held.most_common(1)
        _enter(connection, fullest)


def _enter(connection: Connection, shard: int) -> None:
    if taken := _take(connection, list(connection.scalars(_IN_SHARD, {"shard": shard}))):
        waited = merge(taken)
        filters.add(connection, waited.keys)  # which holds off who else enters there
        entered(connection).insert(connection, waited)


def _take(connection: Connection, runs: Sequence[int]) -> list[Postings]:
    """Read and delete these runs, but not those that somebody else is just taking."""
    taken = _held(connection, list(connection.scalars(_TAKEN, {"ids": runs})))
    connection.execute(_GONE, {"ids": list(taken)})
    kept = _KEPT.get(connection.engine, {})
    for run in taken:  # `rebuild` stores everything before it looks for the first time
        kept.pop(run, None)
    return list(taken.values())


def recent(connection: Connection) -> list[Postings]:
    """What waits in runs. Read it before what is entered, or what is just being may be missed.

    Where each statement sees what is there by then (not in `look`), the same may be seen in both.
    """
    while True:
        ids = dialect.run_ids(connection)
        runs = _held(connection, ids)
        if len(runs) == len(ids):
            break  # otherwise some were merged or entered in between
    _KEPT[connection.engine] = runs
    return list(runs.values())


def _held(connection: Connection, ids: Sequence[int]) -> dict[int, Postings]:
    """Those of these runs that are there."""
    kept = _KEPT.get(connection.engine, {})
    missing = [run for run in ids if run not in kept]
    read = {run: unpack(data) for run, data in dialect.runs(connection, missing)} if missing else {}
    return {run: held for run in ids if (held := kept.get(run) or read.get(run)) is not None}


def lookup(connection: Connection, keys: Numbers, spans: Sequence[Span]) -> Listed:
    """The texts of each of these keys, which ascend, and after them those of each of these spans; none where only one
    is posted."""
    everywhere = np.column_stack((keys, np.zeros_like(keys), np.full_like(keys, np.iinfo(np.int64).max)))
    asked = np.concatenate((everywhere, np.array(spans, np.int64).reshape(-1, 3)))
    numbers, texts = _in_runs(connection, asked)
    sought = np.flatnonzero(filters.sought(connection, keys))
    if len(sought):
        found, held = entered(connection).of_keys(connection, keys[sought])
        numbers, texts = np.concatenate((numbers, sought[found])), np.concatenate((texts, held))
    if spans:
        found, held = entered(connection).within(connection, spans)
        numbers, texts = np.concatenate((numbers, len(keys) + found)), np.concatenate((texts, held))
    several = np.bincount(numbers, minlength=len(asked))[numbers] > 1
    return Listed.of(numbers[several], texts[several], len(asked))


def places_within(connection: Connection, spans: Collection[Span]) -> list[tuple[Span, int, int]]:
    """Posting by posting: (span, place, text)."""
    if not spans:
        return []
    spans = sorted(spans)
    found: list[tuple[int, int, int]] = []
    asked = Spans.of(np.array(spans, np.int64))
    for run in recent(connection):
        numbers, at = find(run, asked)
        found += zip(numbers.tolist(), run.places[at].tolist(), run.texts[at].tolist(), strict=True)
    found += entered(connection).places_within(connection, spans)
    return [(spans[number], place, text) for number, place, text in sorted(set(found))]


def _in_runs(connection: Connection, spans: Numbers) -> tuple[Numbers, Numbers]:
    """Numbers of spans, rows (key, first place, last place), and the texts that runs have there, one for one."""
    order = np.lexsort((spans[:, 1], spans[:, 0]))
    asked = Spans.of(spans[order])
    numbers, texts = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for run in recent(connection):
        found, at = find(run, asked)
        if len(found):
            numbers.append(order[found])
            texts.append(run.texts[at].astype(np.int64))
    return np.concatenate(numbers), np.concatenate(texts)
