"""Pages of postings: what is put in is found again, and no page has too many."""

from bisect import bisect_right

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.conduct import rows_of
from worker.core.pages import FULL, SIZE, among, cuts, pack, pages_of, unpack, without
from worker.core.runs import of_rows

POSTINGS = st.sets(
    st.tuples(
        st.sampled_from([-(2**31), -2, 0, 1, 2**31 - 1]),
        st.sampled_from([0, 1, 2**47 - 1]),
        st.sampled_from([1, 2, 300, 2**31 - 1]),
    )
)
SIZES = st.lists(st.integers(0, 5 * FULL))


@given(SIZES)
def test_pages_are_cut_evenly_only_where_they_have_too_many_and_never_mixed(sizes: list[int]) -> None:
    ends, pages = cuts(np.array(sizes, np.int64))
    parts = np.diff([0, *ends.tolist()])
    for page, size in enumerate(sizes):
        own = parts[pages == page].tolist()
        assert sum(own) == size
        assert len(own) == -(-size // FULL)
        assert not own or 0 < max(own) <= min(min(own) + 1, FULL)
    assert pages.tolist() == sorted(pages)


@given(POSTINGS)
def test_pages_read_as_they_were_written(stored: set[tuple[int, int, int]]) -> None:
    packed = pack(of_rows(stored))
    assert len(packed) == SIZE * len(stored)
    assert rows_of(unpack(packed)) == sorted(stored)


@given(POSTINGS, POSTINGS)
def test_a_posting_belongs_in_the_last_page_that_does_not_begin_after_it(
    firsts: set[tuple[int, int, int]], asked: set[tuple[int, int, int]]
) -> None:
    expected = [bisect_right(sorted(firsts), one) - 1 for one in sorted(asked)]
    assert pages_of(of_rows(firsts), of_rows(asked)).tolist() == expected


@given(POSTINGS, POSTINGS)
def test_those_that_are_there_are_told_from_those_that_are_not(
    held: set[tuple[int, int, int]], asked: set[tuple[int, int, int]]
) -> None:
    numbers, at = among(of_rows(held), of_rows(asked))
    assert [sorted(asked)[number] for number in numbers] == sorted(held & asked)
    assert [sorted(held)[place] for place in at] == sorted(held & asked)
    assert rows_of(without(of_rows(held), at)) == sorted(held - asked)
