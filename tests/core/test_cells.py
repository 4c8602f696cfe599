"""Where common keys reach is a function of what is posted, bounded, and the same seen from both sides."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core import cells
from worker.core.fingerprint import DEFAULT_SEED

DAY = datetime(2025, 3, 1, tzinfo=UTC)
PLACES = st.lists(
    st.builds(lambda day, mixed: day << cells.MIXED | mixed, st.integers(0, 5), st.integers(0, 40)), max_size=60
)


@pytest.fixture(autouse=True)
def small_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "CELL", 4)
    monkeypatch.setattr(cells, "RARE", 2)


def posted_one_by_one(places: Iterable[int]) -> set[int]:
    """What is halved when each posting halves the cell it makes overflow."""
    held: list[int] = []
    halved: set[int] = set()
    for place in places:
        held.append(place)
        cell = cells.leaf(place, halved)
        first, last = cells.bounds(cell)
        halved.update(cells.halvings(cell, [other for other in held if first <= other <= last]))
    return halved


@given(PLACES, st.randoms(use_true_random=False))
def test_cells_are_the_same_whatever_the_order(places: list[int], rng) -> None:  # type: ignore[no-untyped-def]
    at_once = set(cells.halvings(cells.ROOT, places))
    rng.shuffle(places)
    assert posted_one_by_one(places) == at_once


@given(PLACES)
def test_no_cell_holds_more_than_its_share_and_each_place_is_in_one(places: list[int]) -> None:
    halved = set(cells.halvings(cells.ROOT, places))
    held: dict[int, list[int]] = {}
    for place in places:
        held.setdefault(cells.leaf(place, halved), []).append(place)
    for cell, own in held.items():
        first, last = cells.bounds(cell)
        assert cell not in halved
        assert all(first <= place <= last for place in own)
        assert len(own) <= cells.CELL or len(set(own)) == 1


@given(PLACES, PLACES, PLACES)
def test_where_a_key_leads_is_symmetric_and_only_shrinks(one: list[int], two: list[int], more: list[int]) -> None:
    before = set(cells.halvings(cells.ROOT, one + two))
    after = set(cells.halvings(cells.ROOT, one + two + more))
    assert before <= after
    assert cells.leads(one, two, after) == cells.leads(two, one, after)
    assert cells.leads(one, two, before) or not cells.leads(one, two, after)


def test_texts_without_a_date_may_have_come_out_at_any_time() -> None:
    digest = b"0123456789abcdef"
    dated, later, undated = (
        {cells.place(time, digest, DEFAULT_SEED)} for time in (DAY, DAY + timedelta(days=31), None)
    )
    assert cells.within(dated, undated, 30)
    assert not cells.within(dated, later, 30)
    assert cells.within(dated, later, None)
    assert cells.within(dated, later, 31)


def test_places_follow_the_days_of_four_centuries() -> None:
    times = [datetime(year, 1, 1, tzinfo=UTC) for year in (1600, 1969, 1970, 2025, 2300)]
    places = [cells.place(time, b"x" * 16, DEFAULT_SEED) for time in times]
    assert places == sorted(places)
    assert cells.place(None, b"x" * 16, DEFAULT_SEED) < places[0]
    assert places[-1] < 1 << cells.BITS
