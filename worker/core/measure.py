"""The compiled half of `worker.core.evidence` and `worker.core.verify`: one text against many, pair by pair.

What every pair needs comes first and cheapest, and a pair that cannot pass any more is left there.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from worker.core import features
from worker.core.alignment import (
    AGREE,
    CONFLICT,
    COUNTS,
    FACTS,
    HEADLINE,
    LONG,
    LONG_WORDS,
    LONGEST,
    NAMES,
    NAMES_CONFLICT,
    NUMBERS,
    SHARED,
    SPAN,
    TOLD,
    VOCABULARY,
    align,
)
from worker.core.features import EDITED, LEAD_LEAST, NEARLY_ALL, SAME_HEADLINE, Counts
from worker.core.kernel import compiled
from worker.core.overlap import (
    CONTAINMENT,
    LEAD_SHARED,
    LEAD_TOLD,
    RATIOS,
    count_seen,
    count_words,
    lead_told,
    make_room,
    overlap,
    vocabularies,
    vocabulary,
)
from worker.core.tables import (
    FIRST_WORD,
    PASSAGE,
    link_runs,
    look_up,
    mask,
    place,
    prepare,
    shift_of,
    stock_key,
    word_place,
)

LEAD: Final = 30
LONG_HEADLINE: Final = 64
"""Longer ones are not looked through word by word for each pair."""
KEPT: Final = 20
"""Passages handed out, the longest first."""

_HASH: Final = np.uint32(2)
_CLASS: Final = np.uint32(3)
_MARGIN: Final = 1e-6  # so that no rounding, here or there, decides what is left out

_values = compiled(features.values)
_weigh = compiled(features.weigh)
_could_be_firm = compiled(features.could_be_firm)


class Found(NamedTuple):
    """What was measured, a row for each text kept. Places a are those of the one text, b those of the other."""

    kept: Any
    """Which of the others it is."""
    same: Any
    """Whether every word is the same."""
    counts: Any
    ratios: Any
    passages: Any
    passage_counts: Any


class Laid(NamedTuple):
    """Texts that lie side by side."""

    words: Any
    starts: Any
    headlines: Any
    vocabularies: Any


@compiled
def measure(words, starts, headlines, pairs, enough, terms, weights, bias):  # type: ignore[no-untyped-def]
    """Measure pairs of texts, those of one target in a row: rows (target, other) of numbers of texts.

    Text i is `words[starts[i]:starts[i + 1]]`, the first `headlines[i]` its headline. Keeps those that share `STOCK`
    words in a row at `enough` places of one of the two and whose score is not below 0, or that are of the same item or
    have the same words. `terms[i]` holds the time apart, whether they have a source in common, and whether they are
    the same item.
    """
    found = _rows(len(pairs))
    kept = 0
    laid = Laid(words, starts, headlines, vocabularies(words, starts))
    nothing = np.empty(0)
    end = 0
    while end < len(pairs):
        start, end = end, _same_target(pairs, end)
        target, scratch = _ready(words, starts, headlines, pairs, start, end)
        for at in range(start, end):
            number = at - start + 1
            if _measure_pair(
                target, laid, pairs[at, 1], number, enough, terms[at], weights, bias, nothing, scratch, found, kept
            ):
                found.kept[kept] = at
                kept += 1
    return Found(
        found.kept[:kept],
        found.same[:kept],
        found.counts[:kept],
        found.ratios[:kept],
        found.passages[:kept],
        found.passage_counts[:kept],
    )


@compiled
def screen(words, starts, headlines, pairs, enough, weights, bias, firm_only, firm):  # type: ignore[no-untyped-def]
    """Which pairs `measure` would keep if one source had published both at one time.

    Of those that `firm_only` marks only what could be firm by the limits `firm` (`worker.core.match.FIRM`); most of
    the others are left before what they share is lined up.
    """
    found = _rows(1)
    hopeful = np.zeros(len(pairs), np.bool_)
    laid = Laid(words, starts, headlines, vocabularies(words, starts))
    together = np.zeros(3)
    end = 0
    while end < len(pairs):
        start, end = end, _same_target(pairs, end)
        target, scratch = _ready(words, starts, headlines, pairs, start, end)
        for at in range(start, end):
            text = pairs[at, 1]
            least = firm if firm_only[at] else firm[:0]
            number = at - start + 1
            if _measure_pair(target, laid, text, number, enough, together, weights, bias, least, scratch, found, 0):
                longer = max(len(target.words), starts[text + 1] - starts[text])
                hopeful[at] = not firm_only[at] or _firm(found.counts[0], found.ratios[0], longer, firm)
    return hopeful


@compiled
def _same_target(pairs, start):  # type: ignore[no-untyped-def]
    """The end of the row of pairs that begins at `start`."""
    end = start + 1
    while end < len(pairs) and pairs[end, 0] == pairs[start, 0]:
        end += 1
    return end


@compiled
def _ready(words, starts, headlines, pairs, start, end):  # type: ignore[no-untyped-def]
    """The tables of a target, and room to hold its others against it."""
    longest = 0
    for at in range(start, end):
        text = pairs[at, 1]
        longest = max(longest, starts[text + 1] - starts[text])
    text = pairs[start, 0]
    target = prepare(words[starts[text] : starts[text + 1]], headlines[text], LEAD)
    return target, make_room(target, longest)


@compiled
def _firm(counts, ratios, longer, firm):  # type: ignore[no-untyped-def]
    return _could_be_firm(
        max(ratios[LEAD_SHARED], ratios[LEAD_SHARED + 1]),
        max(ratios[CONTAINMENT], ratios[CONTAINMENT + 1]),
        counts[SHARED],
        longer,
        counts[HEADLINE + 2],
        min(counts[HEADLINE], counts[HEADLINE + 1]),
        firm,
    )


@compiled
def _measure_pair(target, laid, text, number, enough, terms, weights, bias, firm, scratch, found, row):  # type: ignore[no-untyped-def]
    """Measure a target against a text that lies with others into a row; returns whether it is kept."""
    other, headline = laid.words[laid.starts[text] : laid.starts[text + 1]], laid.headlines[text]
    masked = scratch.masked[: len(other)]
    mask(other, masked)
    hits = scratch.hits[: max(len(other) - PASSAGE + 1, 0)]
    look_up(target, masked, hits)
    if not _share_enough(target, hits, number, enough, scratch.stock_seen):
        return False
    counts, ratios = found.counts[row], found.ratios[row]
    counts[:] = 0
    ratios[:] = 0
    counted = len(firm) > 0 and not _may_share_lead(target, other, hits, headline, number, firm, scratch.run_seen)
    if counted:
        overlap(target, other, number, scratch, ratios)
        if max(ratios[CONTAINMENT], ratios[CONTAINMENT + 1]) < firm[NEARLY_ALL]:
            return False
    distinct = vocabulary(laid.vocabularies, text, other, laid.starts[text], headline)
    count_words(target, distinct, laid.vocabularies.headlines[text], number, scratch.seen, counts)
    same = _same_words(target, other, headline)
    first = _comes_first(target.words, other)
    wanted = enough == 0 or same or terms[2] > 0
    if not wanted and _best(target, other, masked, hits, first, counts, terms, weights, bias) < -_MARGIN:
        return False
    passages = _align(target, other, masked, hits, first, scratch, counts)
    if not wanted and (counts[SHARED] == 0 or _score(counts, terms, weights, bias) < -_MARGIN):
        return False
    found.same[row] = same
    found.passage_counts[row] = _longest(passages, first, found.passages[row])
    counts[TOLD] = count_seen(target.headline_places, number, scratch.seen)
    ratios[LEAD_TOLD] = count_seen(target.lead_places, number, scratch.seen) / max(len(target.lead_places), 1)
    ratios[LEAD_TOLD + 1] = lead_told(target, other[headline : headline + LEAD])
    if not counted:
        overlap(target, other, number, scratch, ratios)
    ratios[LEAD_SHARED] = _lead(scratch.covered_target, target.headline, len(target.words))
    ratios[LEAD_SHARED + 1] = _lead(scratch.covered, headline, len(other))
    return True


@compiled
def _rows(count):  # type: ignore[no-untyped-def]
    return Found(
        np.empty(count, np.int64),
        np.empty(count, np.bool_),
        np.empty((count, COUNTS), np.int64),
        np.empty((count, RATIOS), np.float64),
        np.empty((count, KEPT, 3), np.int32),
        np.empty(count, np.int64),
    )


@compiled
def _share_enough(target, hits, number, enough, seen):  # type: ignore[no-untyped-def]
    """Whether runs of `STOCK` words that stand in both texts stand at `enough` places of one of them."""
    there = here = 0
    if enough == 0:
        return True
    shift = shift_of(target.stock_keys)
    for i in range(len(hits) - PASSAGE):
        if hits[i] < 0 or hits[i + PASSAGE] < 0:
            continue
        key = stock_key(hits, i)
        at = place(target.stock_keys, shift, key)
        if target.stock_keys[at] != key:
            continue
        there += 1
        if seen[at] != number:
            seen[at] = number
            here += target.stock_counts[at]
        if there >= enough or here >= enough:
            return True
    return False


@compiled
def _may_share_lead(target, other, hits, headline, number, firm, seen):  # type: ignore[no-untyped-def]
    """Whether the two may share the lead of one, their headlines or most words, going by the runs that both have.

    Passages are made of such runs, so that this holds wherever those share so much.
    """
    if headline > LONG_HEADLINE:
        return True
    distinct, shared = _headlines(target, other[:headline])
    shorter = min(len(target.headline_places), distinct)
    if shorter > 0 and shared >= firm[SAME_HEADLINE] * shorter:
        return True
    end = min(headline + LEAD, len(other))
    covered = lead = last = 0
    for i in range(len(hits)):
        if hits[i] >= 0:
            seen[hits[i]] = number
            first = max(i, last)
            last = i + PASSAGE
            covered += last - first
            lead += max(min(last, end) - max(first, headline), 0)
    longer = max(len(other), len(target.words))
    if lead >= firm[LEAD_LEAST] * max(end - headline, 1) or longer - covered <= firm[EDITED] * longer:
        return True
    end = min(target.headline + LEAD, len(target.words))
    lead = last = 0
    for i in range(max(target.headline - PASSAGE + 1, 0), min(end, len(target.runs))):
        if seen[target.runs[i]] == number:
            first = max(i, last)
            last = i + PASSAGE
            lead += max(min(last, end) - max(first, target.headline), 0)
    return lead >= firm[LEAD_LEAST] * max(end - target.headline, 1)


@compiled
def _headlines(target, headline):  # type: ignore[no-untyped-def]
    """Distinct words of another headline, and how many of them stand in the target's."""
    distinct = shared = 0
    for i in range(len(headline)):
        new = True
        for j in range(i):
            new &= (headline[i] ^ headline[j]) >> _HASH != 0
        if new:
            at = word_place(target.word_keys, headline[i])
            distinct += 1
            shared += target.word_keys[at] != 0 and target.in_headline[at]
    return distinct, shared


@compiled
def _same_words(target, other, headline):  # type: ignore[no-untyped-def]
    if len(target.words) != len(other) or target.headline != headline:
        return False
    for i in range(len(other)):  # noqa: SIM110 (numba compiles no generators)
        if (target.words[i] ^ other[i]) >> _HASH != 0:
            return False
    return True


@compiled
def _comes_first(a, b):  # type: ignore[no-untyped-def]
    """Put every pair into one order, so that the result cannot depend on which text came first."""
    if len(a) != len(b):
        return len(a) < len(b)
    for i in range(len(a)):
        if a[i] != b[i]:
            for shift in (0, 8, 16, 24):
                x, y = a[i] >> np.uint32(shift) & np.uint32(255), b[i] >> np.uint32(shift) & np.uint32(255)
                if x != y:
                    return x < y
    return True


@compiled
def _align(target, other, masked, hits, first, scratch, counts):  # type: ignore[no-untyped-def]
    """Line the two up, that which comes first as a; returns the passages."""
    covered, covered_target = scratch.covered[: len(other)], scratch.covered_target
    covered[:] = 0
    covered_target[:] = 0
    if first:
        found = align(
            target.words, other, target.masked, masked, hits, target.head, target.chain, covered_target, covered,
            scratch.passages, counts,
        )  # fmt: skip
        return scratch.passages[:found]
    link_runs(masked, hits, scratch.head, scratch.chain)
    found = align(
        other, target.words, masked, target.masked, target.runs, scratch.head, scratch.chain, covered, covered_target,
        scratch.passages, counts,
    )  # fmt: skip
    counts[SPAN], counts[SPAN + 1] = counts[SPAN + 1], counts[SPAN]
    for run in hits:
        if run >= 0:
            scratch.head[run] = -1
    return scratch.passages[:found]


@compiled
def _best(target, other, masked, hits, first, counts, terms, weights, bias):  # type: ignore[no-untyped-def]
    """The best score two texts could have, however they line up: every passage is made of runs that both have.

    Three pairs in four are left for that, at a quarter of what lining up takes. The weights of what it overrates must
    not be negative, and those of what it leaves out not positive.
    """
    shared = long = longest = 0
    start = 0
    for i in range(len(hits) + 1):
        if i < len(hits) and hits[i] >= 0:
            continue
        words = i - start + PASSAGE - 1
        if i > start:
            shared += words
            longest = max(longest, words)
            if words >= LONG:
                long += words
        start = i + 1
    # Facts and slots are counted in the text that comes second.
    facts, slots = target.facts, target.slots
    if first:
        facts = slots = 0
        for i in range(len(other)):
            facts += other[i] & _CLASS != 0
            slots += masked[i] < FIRST_WORD
    return _score_of(counts, shared, long, longest, facts, slots, 0, 0, terms, weights, bias)


@compiled
def _score(counts, terms, weights, bias):  # type: ignore[no-untyped-def]
    return _score_of(
        counts, counts[SHARED], counts[LONG_WORDS], counts[LONGEST], counts[FACTS], counts[AGREE], counts[CONFLICT],
        counts[NAMES_CONFLICT], terms, weights, bias,
    )  # fmt: skip


@compiled
def _score_of(counts, shared, long, longest, facts, agree, conflict, names, terms, weights, bias):  # type: ignore[no-untyped-def]
    seen = Counts(
        shared, long, longest, facts, agree, conflict, names, counts[NUMBERS], counts[NUMBERS + 1],
        counts[NUMBERS + 2], counts[NAMES], counts[NAMES + 1], counts[NAMES + 2], counts[VOCABULARY],
        counts[VOCABULARY + 1], counts[VOCABULARY + 2], counts[HEADLINE], counts[HEADLINE + 1], counts[HEADLINE + 2],
    )  # fmt: skip
    return _weigh(_values(seen, terms[0], terms[1] > 0), weights, bias)


# --- what only pairs that are kept need ---------------------------------------------------------------------------


@compiled
def _longest(passages, first, out):  # type: ignore[no-untyped-def]
    """Put out the longest passages, of equally long ones those that come first; returns how many."""
    kept = min(len(passages), len(out))
    for k in range(kept):
        best = k
        for i in range(k + 1, len(passages)):
            longer = passages[i, 2] - passages[best, 2]
            if longer > 0 or (longer == 0 and _precedes(passages[i], passages[best])):
                best = i
        for column in range(3):
            passages[k, column], passages[best, column] = passages[best, column], passages[k, column]
        a, b = (0, 1) if first else (1, 0)
        out[k, 0], out[k, 1], out[k, 2] = passages[k, a], passages[k, b], passages[k, 2]
    return kept


@compiled
def _precedes(one, two):  # type: ignore[no-untyped-def]
    return one[0] < two[0] or (one[0] == two[0] and one[1] < two[1])


@compiled
def _lead(covered, headline, words):  # type: ignore[no-untyped-def]
    """Share of the first words of the body that stand in passages."""
    end = min(headline + LEAD, words)
    total = 0
    for mark in covered[headline:end]:
        total += mark > 0
    return total / max(end - headline, 1)
