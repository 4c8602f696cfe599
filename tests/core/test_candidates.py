"""What keys count, and which pairs they propose."""

from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.core.candidates import ENOUGH, Listed, counts, propose
from worker.core.cells import COMMON, FREQUENT, ROOT

RARE_KEY: set[int] = set()
FREQUENT_KEY = {FREQUENT}
COMMON_KEY = {FREQUENT, ROOT}


@pytest.mark.parametrize(("halved", "needed"), [(RARE_KEY, 1), (FREQUENT_KEY, 2), (COMMON_KEY, 4)])
def test_one_rare_key_is_enough_or_two_frequent_or_four_common(halved, needed):
    assert (needed - 1) * counts(7, halved, firm=True) < ENOUGH <= needed * counts(7, halved, firm=True)


@pytest.mark.parametrize("key", [7, -7])
@pytest.mark.parametrize("firm", [True, False])
def test_a_key_never_counts_more_as_it_becomes_more_common(key, firm):
    counted = [counts(key, halved, firm=firm) for halved in (RARE_KEY, FREQUENT_KEY, COMMON_KEY)]
    assert counted == sorted(counted, reverse=True)


def test_a_common_key_outweighs_a_rare_one_unless_the_match_is_firm():
    both = [counts(7, RARE_KEY, firm=firm) + counts(8, COMMON_KEY, firm=firm) for firm in (False, True)]
    assert both[0] < ENOUGH <= both[1]


keyed = st.dictionaries(st.integers(1, 9), st.sets(st.integers(-3, 12), min_size=1, max_size=9), min_size=2, max_size=8)
commonness = st.fixed_dictionaries({key: st.integers(0, COMMON) for key in range(-3, 13)})
HALVED = (RARE_KEY, FREQUENT_KEY, COMMON_KEY)


@given(keyed, commonness, st.randoms())
def test_exactly_the_pairs_are_proposed_whose_keys_count_enough_in_any_order(texts, common, random):
    of_key = defaultdict(list)
    for text, keys in texts.items():
        for key in keys:
            of_key[key].append(text)
    numbers = list(of_key)
    random.shuffle(numbers)
    leads = [(text, key, numbers.index(key)) for text, keys in texts.items() for key in keys]
    random.shuffle(leads)
    posted = [(number, text) for number, key in enumerate(numbers) for text in of_key[key]]
    random.shuffle(posted)
    listed = Listed.of(*np.array(posted).T, len(numbers))
    found = propose(np.array(leads), listed, np.array([common[key] for key in numbers]))

    def counted(a, b, firm):
        return sum(counts(key, HALVED[common[key]], firm=firm) for key in texts[a] & texts[b])

    pairs = [(a, b) for a in texts for b in texts if a < b]
    expected = {(a, b, counted(a, b, True), counted(a, b, False)) for a, b in pairs if counted(a, b, True) >= ENOUGH}
    assert {(min(a, b), max(a, b), firm, loose) for a, b, firm, loose in found.tolist()} == expected
    assert len(found) == len(expected)
