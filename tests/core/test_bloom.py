"""The filter of index keys: what was added is never denied, however it was written down in between."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from worker.core.bloom import BITS, add, empty, may_hold, pack, unpack

KEYS = st.lists(st.integers(-(2**31), 2**31 - 1), max_size=50)


@given(KEYS, KEYS)
def test_what_was_added_may_be_held_and_survives_being_written_down(some: list[int], more: list[int]) -> None:
    held = empty()
    for keys in (some, more):
        add(held, np.array(sorted(keys), np.int32))
        held = unpack(pack(held))
    assert may_hold(held, np.array(sorted(some + more), np.int64)).all()
    assert np.unpackbits(held).sum() <= len(some + more)


def test_full_filters_are_written_as_they_are_and_others_in_four_bytes_a_bit() -> None:
    random = np.random.default_rng(3)
    for keys in (0, 1, 1000, 400_000, 600_000, 6_000_000):
        held = empty()
        add(held, random.integers(0, 2**28, keys).astype(np.int32))
        packed = pack(held)
        bits = int(np.unpackbits(held).sum())
        assert len(packed) == min(4 * bits, 1 << BITS - 3)
        assert np.array_equal(unpack(packed), held)


def test_it_denies_six_in_seven_of_the_keys_that_five_million_others_do_not_have() -> None:
    random = np.random.default_rng(4)
    held = empty()
    add(held, random.integers(0, 2**28, 5_000_000).astype(np.int32))
    assert 0.12 < may_hold(held, random.integers(0, 2**28, 100_000)).mean() < 0.16
