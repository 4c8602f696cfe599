"""The candidate index in its two parts: whatever waits in runs, it answers as if all were entered."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from models.engine import look, transact
from tests.conduct import all_entered, opened, posted, rows, rows_of
from worker import key_pages, postings
from worker.core import pages
from worker.core.candidates import Listed
from worker.core.runs import Postings, ordered, part

EIGHT = text("UPDATE posting_runs SET shard = CASE WHEN shard > 8 THEN shard - 8 ELSE 0 END WHERE shard >= 0")
"""What migration 0007 did once."""


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database of either kind."""
    with opened(database_url) as (engine, _):
        yield engine


def batch(random: np.random.Generator, text: int, size: int) -> Postings:
    """Postings of some new texts: few keys and places, so that many meet."""
    keys = random.choice([-(2**31), -7, 0, 3, 2**30, 2**31 - 1], size).astype(np.int32)
    places = random.integers(0, 40, size)
    return ordered(Postings(keys, places, np.arange(text, text + size, dtype=np.int32)))


def store(engine: Engine, one: Postings) -> None:
    """Store these in a transaction of their own."""
    transact(engine, lambda connection: postings.add(connection, one))


def answers(connection: Connection) -> object:
    """What the index says to everything it is asked."""
    keys = np.array(sorted({-(2**31), -7, 0, 3, 5, 2**30, 2**31 - 1}), np.int64)
    spans = [(int(key), first, first + 9) for key in keys for first in (0, 10, 35)]
    return found(postings.lookup(connection, keys, spans)), postings.places_within(connection, spans)


def found(listed: Listed) -> list[list[int]]:
    """What is listed, in lists."""
    return [sorted(texts.tolist()) for texts in np.split(listed.texts, listed.starts[1:-1])]


def test_the_index_says_the_same_whatever_waits_in_runs(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postings, "SMALL", 8)
    monkeypatch.setattr(postings, "WAITING", 60)
    monkeypatch.setattr(postings, "ALIKE", 3)
    random = np.random.default_rng(7)
    stored: list[tuple[int, ...]] = []
    for number in range(1, 40):
        one = batch(random, 100 * number, int(random.choice([1, 3, 30])))
        store(engine, one)
        stored += rows_of(one)
    assert posted(engine) == sorted(stored)
    waiting = look(engine, answers)
    (before,) = rows(engine, "SELECT count(*) AS runs, sum(postings) AS held FROM posting_runs")
    assert before["runs"] <= 2 * 4 * 17
    assert 0 < before["held"] < len(stored)  # some waited, some were entered
    transact(engine, postings.settle)
    assert rows(engine, "SELECT * FROM posting_runs") == []
    assert posted(engine) == sorted(stored)
    assert look(engine, answers) == waiting


def test_many_who_store_enter_and_look_at_once_lose_nothing_and_miss_nothing(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (postings, "SMALL", 8), (postings, "WAITING", 40), (postings, "ON_A_SERVER", 1), (postings, "ALIKE", 3),
        (pages, "FULL", 4), (key_pages, "FULL", 4), (key_pages, "PIECE", 7),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, value)

    def work(number: int) -> list[tuple[int, int, int]]:
        random = np.random.default_rng(number)
        stored: list[tuple[int, int, int]] = []
        with opened(database_url) as (engine, _):  # as a process of its own has it
            for turn in range(12):
                one = batch(random, 10_000 * number + 100 * turn, int(random.choice([1, 3, 30])))
                store(engine, one)
                stored += rows_of(one)
                spans = sorted({(key, place, place) for key, place, _ in stored})
                seen = look(engine, partial(postings.places_within, spans=spans))
                assert set(stored) <= {(span[0], place, text) for span, place, text in seen}
        return stored

    with opened(database_url) as (engine, _), ThreadPoolExecutor(4) as pool:
        stored = [row for own in pool.map(work, range(1, 5)) for row in own]
        assert 0 < len(look(engine, all_entered)) < len(stored)
        assert posted(engine) == sorted(stored)
        transact(engine, postings.settle)
        assert look(engine, all_entered) == sorted(stored)


def test_a_shard_gets_what_is_worth_a_run_and_the_rest_stays_together(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keys below 0 are one posting in a hundred or in eight: cut as finely as the others they were half of all runs."""
    monkeypatch.setattr(postings, "SMALL", 8)
    monkeypatch.setattr(postings, "WAITING", 10_000)
    keys = np.array([-(2**31), -5, *range(9), 2**30, *range(2**31 - 8, 2**31)], np.int32)
    mixed = Postings(keys, np.arange(len(keys)), np.full(len(keys), 4, np.int32))
    store(engine, mixed)
    found = rows(engine, "SELECT shard, postings FROM posting_runs ORDER BY shard")
    assert [tuple(row.values()) for row in found] == [(-1, 3), (8, 9), (15, 8)]
    assert posted(engine) == rows_of(mixed)


def test_the_fullest_shard_is_entered_once_more_wait_in_all_than_may(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "SMALL", 8)
    monkeypatch.setattr(postings, "WAITING", 30)
    monkeypatch.setattr(postings, "ON_A_SERVER", 1)
    shard = 1 << 28
    sizes = {0: 10, shard: 20}  # by the first key: as many as may wait
    for first, size in sizes.items():
        run = Postings(
            np.arange(first, first + size, dtype=np.int32), np.zeros(size, np.int64), np.ones(size, np.int32)
        )
        store(engine, run)
    waiting = rows(engine, "SELECT shard, postings FROM posting_runs ORDER BY shard")
    assert [tuple(row.values()) for row in waiting] == [(8, 10), (9, 20)]
    more = Postings(np.arange(100, 108, dtype=np.int32), np.zeros(8, np.int64), np.ones(8, np.int32))
    store(engine, more)
    left = rows(engine, "SELECT shard, sum(postings) AS held FROM posting_runs GROUP BY shard")
    assert [tuple(row.values()) for row in left] == [(8, 18)]
    assert len(look(engine, all_entered)) == 20


def test_a_shard_may_hold_any_keys(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Databases that had eight shards for a while (migration 0007) have keys of two of today's sixteen in one."""
    monkeypatch.setattr(postings, "SMALL", 8)
    monkeypatch.setattr(postings, "ALIKE", 3)
    random = np.random.default_rng(8)
    sizes = (40, 40, 3, 40, 40, 40)
    told = [batch(random, 100 * number, size) for number, size in enumerate(sizes, 1)]
    for number, one in enumerate(told):
        store(engine, one)
        if number == 2:
            before = look(engine, answers)
            transact(engine, lambda connection: connection.execute(EIGHT))
            assert look(engine, answers) == before
            monkeypatch.setattr(postings, "WAITING", 60)  # from here on shards are entered as well
    stored = sorted(row for one in told for row in rows_of(one))
    assert posted(engine) == stored
    transact(engine, postings.settle)
    assert rows(engine, "SELECT * FROM posting_runs") == []
    assert posted(engine) == stored


def test_who_stores_and_never_looks_keeps_no_more_than_what_waits(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `rebuild` does: it stores every text before it links the first."""
    monkeypatch.setattr(postings, "SMALL", 8)
    monkeypatch.setattr(postings, "WAITING", 60)
    monkeypatch.setattr(postings, "ALIKE", 3)
    random = np.random.default_rng(7)
    for number in range(1, 40):
        one = batch(random, 100 * number, 30)
        store(engine, one)
    waiting = {row["id"] for row in rows(engine, "SELECT id FROM posting_runs")}
    assert set(postings._KEPT[engine]) <= waiting


def test_a_key_posted_once_leads_nowhere_and_is_left_out(engine: Engine) -> None:
    one = Postings(np.array([1, 2], np.int32), np.array([5, 5]), np.array([9, 9], np.int32))
    two = Postings(np.array([2], np.int32), np.array([6]), np.array([10], np.int32))
    store(engine, one)
    transact(engine, postings.settle)
    store(engine, two)
    assert found(look(engine, lambda connection: postings.lookup(connection, np.array([1, 2, 3]), ()))) == [
        [],
        [9, 10],
        [],
    ]


def test_a_posting_that_should_not_be_there_twice_is_entered_once_and_wedges_nobody(engine: Engine) -> None:
    one = Postings(np.array([1, 2], np.int32), np.array([5, 5]), np.array([9, 9], np.int32))
    for own in (one, part(one, 0, 1)):
        store(engine, own)
        transact(engine, postings.settle)
    assert posted(engine) == [(1, 5, 9), (2, 5, 9)]


def test_what_a_rolled_back_transaction_stored_is_not_found(engine: Engine) -> None:
    one = Postings(np.array([1], np.int32), np.array([5]), np.array([9], np.int32))

    def stored(connection: Connection) -> None:
        postings.add(connection, one)
        assert postings.places_within(connection, [(1, 5, 5)]) == [((1, 5, 5), 5, 9)]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        transact(engine, stored)
    assert look(engine, lambda connection: postings.places_within(connection, [(1, 5, 5)])) == []


def test_a_database_put_back_under_a_running_process_is_read_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'a.db'}"
    with opened(url) as (engine, _):
        for text_id in (9, 10):
            transact(engine, lambda connection: connection.execute(text("DELETE FROM posting_runs")))
            own = Postings(np.array([1], np.int32), np.array([5]), np.array([text_id], np.int32))
            store(engine, own)
            assert posted(engine) == [(1, 5, text_id)]
