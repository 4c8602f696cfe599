"""The compiled inner loops of `runs` and `pages`: spans looked up in a run, two runs made one, pages found."""

import numpy as np

from worker.core.kernel import compiled


@compiled
def search(keys, places, span_keys, firsts, lasts, start, end):  # type: ignore[no-untyped-def]
    """Numbers of spans, from `start` up to `end`, and where their postings are.

    All is sorted, so that each search begins where the last ended.

    It doubles its steps until it is past the goal (galloping: Bentley and Yao 1976).
    """
    numbers = np.empty(16, np.int64)
    at = np.empty(16, np.int64)
    found = 0
    low = np.int64(0)  # of what is before here, all comes before the span
    for span in range(start, end):
        key, first = span_keys[span], firsts[span]
        step = np.int64(1)
        high = low
        while high < keys.size and (keys[high] < key or (keys[high] == key and places[high] < first)):
            low = high + 1
            high += step
            step *= 2
        high = min(high, keys.size)
        while low < high:
            middle = (low + high) // 2
            if keys[middle] < key or (keys[middle] == key and places[middle] < first):
                low = middle + 1
            else:
                high = middle
        here = low
        while here < keys.size and keys[here] == key and places[here] <= lasts[span]:
            if found == at.size:
                numbers = np.concatenate((numbers, np.empty_like(numbers)))
                at = np.concatenate((at, np.empty_like(at)))
            numbers[found], at[found] = span, here
            found += 1
            here += 1
    return numbers[:found], at[:found]


@compiled
def _comes_first(key_a, place_a, text_a, key_b, place_b, text_b):  # type: ignore[no-untyped-def]
    """Whether one posting comes before the other in the index's order."""
    if key_a != key_b:
        return key_a < key_b
    if place_a != place_b:
        return place_a < place_b
    return text_a < text_b


@compiled
def reached(keys_a, places_a, texts_a, keys_b, places_b, texts_b):  # type: ignore[no-untyped-def]
    """For each of the latter the number of the last of the former that does not come after it, -1 if there is none."""
    found = np.empty(keys_b.size, np.int64)
    a = np.int64(0)
    for b in range(keys_b.size):
        while a < keys_a.size and not _comes_first(
            keys_b[b], places_b[b], texts_b[b], keys_a[a], places_a[a], texts_a[a]
        ):
            a += 1
        found[b] = a - 1
    return found


@compiled
def merged(keys_a, places_a, texts_a, keys_b, places_b, texts_b):  # type: ignore[no-untyped-def]
    """Keys, places and texts of two sorted runs in one."""
    size = keys_a.size + keys_b.size
    keys, places, texts = np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size, np.int32)
    a = b = np.int64(0)
    for at in range(size):
        if b == keys_b.size or (
            a < keys_a.size and _comes_first(keys_a[a], places_a[a], texts_a[a], keys_b[b], places_b[b], texts_b[b])
        ):
            keys[at], places[at], texts[at] = keys_a[a], places_a[a], texts_a[a]
            a += 1
        else:
            keys[at], places[at], texts[at] = keys_b[b], places_b[b], texts_b[b]
            b += 1
    return keys, places, texts
