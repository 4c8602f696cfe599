"""What processes keep of the index is what the database holds, whoever changed it, and whatever was rolled back."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, delete, insert

import migrations
from models.dialect import insert_missing
from models.engine import look, open_engine, transact
from models.tables import HalvedCell
from tests.conduct import posted, rows
from worker import filters, postings
from worker.core.runs import Postings
from worker.entered import entered
from worker.halved import halved_cells

KEYS = np.array([-(2**31), -5, 0, 77, 2**28, 2**31 - 1], np.int32)
OTHERS = np.array([-(2**30), 1 << 20, 2**30], np.int64)
CELLS = [(-5, 0), (-5, 1), (7, 0)]


@pytest.fixture
def engines(database_url: str) -> Iterator[tuple[Engine, Engine]]:
    """One empty database as two processes have it."""
    both = open_engine(database_url), open_engine(database_url)
    migrations.upgrade(both[0])
    yield both
    for engine in both:
        engine.dispose()


def entries(keys: np.ndarray) -> Postings:
    """These keys, posted at one place for one text."""
    return Postings(keys, np.full(len(keys), 3), np.full(len(keys), 9, np.int32))


def enter(connection: Connection, keys: np.ndarray) -> None:
    """Post these keys and enter them."""
    postings.add(connection, entries(keys))
    postings.settle(connection)


def sought(engine: Engine, keys: np.ndarray) -> list[bool]:
    """Which of these are looked for."""
    return look(engine, partial(filters.sought, keys=np.sort(keys).astype(np.int64))).tolist()


def halved(engine: Engine) -> dict[int, set[int]]:
    """The halved cells of some keys, in any order."""
    return dict(look(engine, partial(halved_cells, keys=np.array([7, -5, 8, 9], np.int64))))


def halve(connection: Connection, cells: list[tuple[int, int]]) -> None:
    """Note that cells were halved."""
    insert_missing(connection, HalvedCell, ("key", "cell"), cells, ("key",))


def test_all_that_was_entered_is_looked_for_and_hardly_anything_else(engines: tuple[Engine, Engine]) -> None:
    one, two = engines
    for engine in engines:
        assert not any(sought(engine, KEYS))
    transact(one, partial(enter, keys=KEYS[::2]))
    for engine in engines:
        assert sought(engine, KEYS[::2]) == [True] * 3
        assert not any(sought(engine, OTHERS))
    transact(two, partial(enter, keys=KEYS[1::2]))
    for engine in engines:
        assert all(sought(engine, KEYS))
        assert not any(sought(engine, OTHERS))


def test_what_was_rolled_back_is_not_kept(engines: tuple[Engine, Engine]) -> None:
    for work in (partial(enter, keys=KEYS), partial(halve, cells=CELLS)):

        def fails(connection: Connection, work: partial[None] = work) -> None:
            work(connection)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            transact(engines[0], fails)
    assert not any(sought(engines[0], KEYS))
    assert halved(engines[0]) == {}
    transact(engines[1], partial(enter, keys=KEYS[:1]))
    assert sought(engines[0], KEYS) == [True] + [False] * 5


def test_keys_that_nobody_has_any_more_are_forgotten_and_all_others_are_not(engines: tuple[Engine, Engine]) -> None:
    transact(engines[0], partial(enter, keys=KEYS))
    assert all(sought(engines[1], KEYS))
    transact(engines[0], lambda connection: entered(connection).delete(connection, entries(KEYS[3:])))
    assert all(sought(engines[1], KEYS))
    assert sum(filters.refresh(engines[0])) == 3
    for engine in engines:
        assert sought(engine, KEYS) == [True] * 3 + [False] * 3


def test_what_is_entered_while_a_filter_is_made_anew_is_not_lost(
    engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = engines
    transact(one, partial(enter, keys=KEYS[3:4]))
    survey, late = filters._survey, [KEYS[2:3]]

    def surveyed(connection: Connection, shard: int) -> object:
        found = survey(connection, shard)
        if found[0] and late:
            transact(two, partial(enter, keys=late.pop()))
        return found

    monkeypatch.setattr(filters, "_survey", surveyed)
    assert sum(filters.refresh(one)) == 2
    for engine in engines:
        assert sought(engine, KEYS) == [False, False, True, True, False, False]


def test_whoever_enters_beside_others_and_beside_a_refresh_is_left_out_of_no_filter(
    database_url: str, engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postings, "WAITING", 1000)
    monkeypatch.setattr(postings, "ON_A_SERVER", 1)
    monkeypatch.setattr(postings, "SMALL", 32)
    ended = threading.Event()

    def enters(number: int) -> None:
        own, random = open_engine(database_url), np.random.default_rng(number)
        for text in range(20):
            keys = np.unique(random.integers(-(2**31), 2**31, 600).astype(np.int32))
            rest = np.full(len(keys), 3), np.full(len(keys), 100 * number + text, np.int32)
            transact(own, partial(postings.add, postings=Postings(keys, *rest)))
            sought(own, keys)
        own.dispose()

    def refreshes() -> None:
        while not ended.is_set():
            list(filters.refresh(engines[0]))

    with ThreadPoolExecutor() as pool:
        beside = pool.submit(refreshes)
        for done in [pool.submit(enters, number) for number in range(3)]:
            done.result()
        ended.set()
        beside.result()
    before = posted(engines[1])  # asserts that no filter denies what was entered
    assert len(before) > 35_000
    list(filters.refresh(engines[0]))
    transact(engines[1], postings.settle)
    assert posted(engines[1]) == before


def test_cells_that_others_halve_are_seen(engines: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("worker.halved.PIECE", 2)
    one, two = engines
    assert halved(one) == halved(two) == {}
    transact(one, partial(halve, cells=CELLS))
    assert halved(one) == halved(two) == {-5: {0, 1}, 7: {0}}
    transact(two, partial(halve, cells=[(9, 0), (7, 1), (7, 0), (-5, 3), (7, 2)]))
    assert halved(one) == halved(two) == {-5: {0, 1, 3}, 7: {0, 1, 2}, 9: {0}}


def test_cells_are_read_anew_after_all_were_taken_away(engines: tuple[Engine, Engine]) -> None:
    one, two = engines
    transact(one, partial(halve, cells=CELLS))
    assert halved(one) == halved(two)
    transact(one, lambda connection: connection.execute(delete(HalvedCell)))
    assert halved(one) == {}
    transact(one, partial(halve, cells=CELLS[:1]))
    assert halved(one) == halved(two) == {-5: {0}}


def test_cells_are_read_anew_after_an_older_database_was_put_in_place(engines: tuple[Engine, Engine]) -> None:
    transact(engines[0], partial(halve, cells=CELLS))
    assert halved(engines[1]) == {-5: {0, 1}, 7: {0}}
    newest = max(row["id"] for row in rows(engines[0], "SELECT id FROM halved_cells"))
    transact(engines[0], lambda connection: connection.execute(delete(HalvedCell)))
    given = [{"id": newest - 1, "key": -5, "cell": 0}, {"id": newest, "key": 8, "cell": 0}]
    transact(engines[0], lambda connection: connection.execute(insert(HalvedCell), given))
    assert halved(engines[1]) == {-5: {0}, 8: {0}}


def test_filters_are_made_of_an_index_that_had_none(database_url: str) -> None:
    engine = open_engine(database_url)
    migrations.upgrade(engine)
    transact(engine, partial(enter, keys=KEYS))
    transact(engine, partial(halve, cells=CELLS))
    before = rows(engine, "SELECT shard, data FROM key_filters ORDER BY shard")
    migrations.downgrade(engine, "0008")
    assert len(rows(engine, "SELECT key, cell FROM halved_cells")) == len(CELLS)
    migrations.upgrade(engine)
    assert all(sought(engine, KEYS))
    list(filters.refresh(engine))
    assert rows(engine, "SELECT shard, data FROM key_filters ORDER BY shard") == before
    assert halved(engine) == {-5: {0, 1}, 7: {0}}
    assert all(sought(engine, KEYS))
    engine.dispose()
