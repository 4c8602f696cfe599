"""What is entered in the index, on either database: a sorted set, whatever was entered and deleted in between."""

from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Connection, Engine

from models.engine import look, transact
from tests.conduct import all_entered, opened, rows, rows_of
from worker import key_pages
from worker.core import pages
from worker.core.runs import Span, of_rows
from worker.entered import entered, through

KEYS = (-(2**31), -(2**31) + 1, -1, 0, 1, 2**28 - 1, 2**28, 2**31 - 1)
"""The ends of shards among them, and few: so that many meet."""
SPANS = [(key, first, last) for key in KEYS for first, last in ((0, 9), (5, 5), (7, 2**47), (0, 2**63 - 1))]


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An empty database of either kind."""
    with opened(database_url) as (engine, _):
        yield engine


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of a few postings, a few at a time."""
    monkeypatch.setattr(pages, "FULL", 4)
    monkeypatch.setattr(key_pages, "FULL", 4)
    monkeypatch.setattr(key_pages, "PIECE", 7)
    monkeypatch.setattr(key_pages, "ASKED", 3)


def some(random: np.random.Generator, count: int) -> list[tuple[int, int, int]]:
    """Postings, each once."""
    columns = random.choice(KEYS, count), random.integers(0, 12, count), random.integers(1, 30, count)
    return sorted(set(zip(*(column.tolist() for column in columns), strict=True)))


def answers(connection: Connection) -> tuple[object, ...]:
    """What it says to everything it is asked."""
    index = entered(connection)
    keys = np.array(KEYS, np.int64)
    of_keys, within = index.of_keys(connection, keys), index.within(connection, SPANS)
    listed = [sorted(zip(*(column.tolist() for column in found), strict=True)) for found in (of_keys, within)]
    return *listed, sorted(index.places_within(connection, SPANS)), all_entered(connection)


def expected(held: set[tuple[int, int, int]]) -> tuple[object, ...]:
    """What it should say."""

    def of(spans: list[Span]) -> list[tuple[int, int, int]]:
        return [
            (number, place, text)
            for number, (asked, first, last) in enumerate(spans)
            for key, place, text in sorted(held)
            if key == asked and first <= place <= last
        ]

    everywhere: list[Span] = [(key, 0, 2**63 - 1) for key in KEYS]
    listed = [sorted((number, text) for number, _, text in of(spans)) for spans in (everywhere, SPANS)]
    return *listed, sorted(of(SPANS)), sorted(held)


@pytest.mark.usefixtures("small_pages")
def test_it_holds_what_was_entered_and_not_deleted(engine: Engine) -> None:
    random = np.random.default_rng(31)
    held: set[tuple[int, int, int]] = set()
    for turn in range(60):
        rows_now = some(random, int(random.choice([1, 3, 40])))
        if turn % 5 == 4:
            gone = [*random.permutation(sorted(held))[: len(held) // 2].tolist(), *rows_now]
            asked = {(int(key), int(place), int(text)) for key, place, text in gone}
            count = transact(engine, lambda c, asked=asked: entered(c).delete(c, of_rows(asked)))
            assert count == len(held & asked)
            held -= asked
        else:
            transact(engine, lambda c, new=rows_now: entered(c).insert(c, of_rows(new)))
            held |= set(rows_now)
        assert look(engine, answers) == expected(held)
    transact(engine, lambda c: entered(c).clear(c))
    assert look(engine, answers) == expected(set())


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("most", [1, 7, 1000])
def test_it_is_read_from_end_to_end_whole_or_by_shard(engine: Engine, most: int) -> None:
    told = some(np.random.default_rng(32), 300)
    transact(engine, lambda c: entered(c).insert(c, of_rows(told)))

    def read(shard: int | None) -> list[tuple[int, int, int]]:
        return look(engine, lambda c: [row for found in through(c, most, shard) for row in rows_of(found)])

    assert read(None) == told
    shards = {shard: read(shard) for shard in range(16)}
    assert [row for shard in range(16) for row in shards[shard]] == told
    assert all(row[0] >> 28 == shard - 8 for shard, own in shards.items() for row in own)


@pytest.mark.usefixtures("small_pages")
def test_no_page_has_too_many_or_none_or_those_of_two_shards(postgres_url: str) -> None:
    with opened(postgres_url) as (engine, _):
        random = np.random.default_rng(33)
        for _ in range(20):
            transact(engine, lambda c: entered(c).insert(c, of_rows(some(random, 30))))
            transact(engine, lambda c: entered(c).delete(c, of_rows(some(random, 30))))
        found = [pages.unpack(row["data"]) for row in rows(engine, "SELECT data FROM key_pages")]
        assert found
        for page in found:
            assert 0 < len(page.keys) <= 4
            assert len(set((page.keys >> 28).tolist())) == 1
