"""The compiled inner loop of `candidates`: what keys count, for every text they lead to."""

import numpy as np

from worker.core.cells import COMMON
from worker.core.kernel import compiled


@compiled
def tally(targets, starts, keys, numbers, offsets, texts, common, least):  # type: ignore[no-untyped-def]
    """Rows (text, other, what their keys count: firm, not firm), with one small hash table a text.

    Leads of one key stand together: of another text that several of them reach it is counted once.
    """
    out = np.empty((256, 4), np.int64)
    found = 0
    for target in range(len(targets)):
        posted = 0
        for lead in range(starts[target], starts[target + 1]):
            posted += offsets[numbers[lead] + 1] - offsets[numbers[lead]]
        size = 64
        while size < 2 * posted:
            size *= 2
        others = np.full(size, -1, np.int64)
        firm = np.zeros(size, np.int64)
        loose = np.zeros(size, np.int64)
        last = np.empty(size, np.int64)  # the key counted last: a key is posted on each day its text appeared
        for lead in range(starts[target], starts[target + 1]):
            key = keys[lead]
            level = common[numbers[lead]]
            counted = least if key < 0 else least >> level
            for at in range(offsets[numbers[lead]], offsets[numbers[lead] + 1]):
                other = texts[at]
                slot = (other * 0x9E3779B1 >> 7) & (size - 1)
                while others[slot] not in (-1, other):
                    slot = (slot + 1) & (size - 1)
                if others[slot] == other and last[slot] == key:
                    continue
                others[slot], last[slot] = other, key
                firm[slot] += counted
                loose[slot] += counted if level < COMMON else -least
        for slot in range(size):
            if firm[slot] >= least and others[slot] != targets[target]:
                if found == len(out):
                    out = np.concatenate((out, np.empty_like(out)))
                out[found, 0], out[found, 1] = targets[target], others[slot]
                out[found, 2], out[found, 3] = firm[slot], loose[slot]
                found += 1
    return out[:found]
