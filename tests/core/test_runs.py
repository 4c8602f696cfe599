"""Sorted runs: what is written is read back, merged in one order, and found exactly where it is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conduct import rows_of
from worker.core.cells import BITS
from worker.core.runs import Spans, find, joined, merge, of_rows, pack, part, shards, unpack

KEYS = st.one_of(st.integers(-(2**31), 2**31 - 1), st.integers(-3, 3))
PLACES = st.one_of(st.integers(0, 2**BITS - 1), st.integers(0, 5))
POSTINGS = st.lists(st.tuples(KEYS, PLACES, st.integers(1, 2**31 - 1)), min_size=1, max_size=60, unique=True)


@given(POSTINGS)
def test_what_is_packed_is_read_back_and_takes_sixteen_bytes_a_posting(rows: list[tuple[int, int, int]]) -> None:
    packed = pack(of_rows(rows))
    assert len(packed) == 16 * len(rows)
    assert rows_of(unpack(packed)) == sorted(rows)


@settings(deadline=None)  # the first example waits for the compiler
@given(POSTINGS, st.integers(1, 9))
def test_merging_runs_gives_the_run_of_all(rows: list[tuple[int, int, int]], runs: int) -> None:
    parts = [some for at in range(runs) if (some := rows[at::runs])]
    assert rows_of(merge([of_rows(some) for some in parts])) == sorted(rows)


@given(POSTINGS, st.integers(0, 5))
def test_shards_are_parts_of_a_run_by_key_and_leave_nothing_out(rows: list[tuple[int, int, int]], bits: int) -> None:
    whole = of_rows(rows)
    cut = [(shard, part(whole, start, end)) for shard, start, end in shards(whole.keys, bits)]
    assert [posting for _, own in cut for posting in rows_of(own)] == sorted(rows)
    assert rows_of(joined([own for _, own in cut] or [whole])) == sorted(rows)
    for shard, own in cut:
        assert {(key + 2**31) >> (32 - bits) for key, _, _ in rows_of(own)} == {shard}


@settings(deadline=None)  # the first example waits for the compiler
@given(POSTINGS, st.lists(st.tuples(KEYS, PLACES, PLACES), max_size=40))
def test_a_span_finds_the_postings_of_its_key_from_its_first_to_its_last_place(
    rows: list[tuple[int, int, int]], asked: list[tuple[int, int, int]]
) -> None:
    asked = sorted(asked + [(key, 0, 2**BITS) for key, _, _ in rows[:5]])
    numbers, at = find(of_rows(rows), Spans.of(np.array(asked, np.int64)))
    found = [(number, *sorted(rows)[place]) for number, place in zip(numbers.tolist(), at.tolist(), strict=True)]
    assert found == [
        (number, *row)
        for number, (key, first, last) in enumerate(asked)
        for row in sorted(rows)
        if row[0] == key and first <= row[1] <= last
    ]
