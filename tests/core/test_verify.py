"""Verification in one go says of every pair what comparing and deciding it by itself says."""

from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from worker.core import verify as module
from worker.core.evidence import Evidence, compare
from worker.core.features import Counts
from worker.core.match import Decision, Profile, could_be_firm, decide
from worker.core.verify import ENOUGH, Laid, promising, verify

Words = NDArray[np.uint32]
Verdict = tuple[Evidence, Decision] | None


class Side(NamedTuple):
    """A text, and what is known of it."""

    words: Words
    headline_words: int
    profile: Profile


def verdicts(text: Side, others: list[Side]) -> list[Verdict]:
    """What is said of one text and each of the others, asked all at once."""
    told = {n: (side.words, side.headline_words) for n, side in enumerate([text, *others])}
    profiles = {n: side.profile for n, side in enumerate([text, *others])}
    pairs = np.array([(0, n) for n in range(1, len(told))], np.int64).reshape(-1, 2)
    found = {at: (evidence, decision) for at, evidence, decision in verify(told, profiles, pairs)}
    return [found.get(at) for at in range(len(others))]


NUMBER, CALENDAR = 1, 3
PASSAGES = [list(range(100 * k, 100 * k + 30)) for k in range(1, 7)]


def mask(word: int) -> int:
    """All numbers are equal, and all calendar words."""
    return word & 3 if word & 3 in (NUMBER, CALENDAR) else word >> 2 << 2


def sixes(words: Words) -> list[tuple[int, ...]]:
    masked = [mask(int(word)) for word in words]
    return [tuple(masked[i : i + 6]) for i in range(len(masked) - 5)]


def shares_a_passage(a: Words, b: Words) -> bool:
    """Six words in a row of the other begin at three places of one of them, as plain Python counts them."""
    of_a, of_b = sixes(a), sixes(b)
    both = set(of_a) & set(of_b)
    return max(sum(six in both for six in of_a), sum(six in both for six in of_b)) >= ENOUGH


def plain(words: list[int]) -> Words:
    return np.array([word << 2 for word in words], np.uint32)


def one_by_one(a: Side, b: Side) -> Verdict:
    if not shares_a_passage(a.words, b.words):
        return None
    evidence = compare(a.words, a.headline_words, b.words, b.headline_words)
    decision = decide(evidence, a.profile, b.profile)
    return None if decision.relation is None else (evidence, decision)


def mirrored(verdict: Verdict) -> Verdict:
    """The same of the pair the other way round."""
    if verdict is None:
        return None
    evidence, decision = verdict
    values = evidence._asdict()
    turned = {
        name: values[f"{name[:-1]}{'b' if name[-1] == 'a' else 'a'}"] if name.endswith(("_a", "_b")) else value
        for name, value in values.items()
    }
    turned["passages"] = tuple((j, i, n) for i, j, n in evidence.passages)
    return Evidence(**turned), decision


profiles = st.builds(
    Profile,
    published=st.none() | st.sampled_from([0.0, 7200.0, 90_000.0]),
    sources=st.frozensets(st.sampled_from(["wire", "courier"]), max_size=2),
    items=st.frozensets(st.sampled_from(["wire 1", "courier 2"]), max_size=1),
)
passages = st.sampled_from(PASSAGES).flatmap(lambda p: st.slices(len(p)).map(lambda cut: p[cut]))
noise = st.lists(st.integers(1, 15), max_size=6)


@st.composite
def sides(draw: st.DrawFn) -> Side:
    """Texts of passages that others have as well, some of whose words are numbers, names and dates."""
    parts = draw(st.lists(passages | noise, max_size=9))
    flips = draw(st.integers(1, 40))
    hashes = [word for part in parts for word in part]
    words = np.array([h << 2 | (h % 4 if h % flips else 0) for h in hashes], np.uint32)
    return Side(words, draw(st.integers(0, min(9, len(words)))), draw(profiles))


@settings(max_examples=300, deadline=None)
@given(sides(), st.lists(sides(), max_size=6))
def test_many_at_once_are_judged_as_each_by_itself(text: Side, others: list[Side]) -> None:
    """Whatever stands beside it, a pair gets the evidence and decision it gets alone; and so do the texts swapped."""
    said = verdicts(text, others)
    assert said == [one_by_one(text, other) for other in others]
    assert [mirrored(verdict) for verdict in said] == [verdicts(other, [text])[0] for other in others]


@settings(max_examples=300, deadline=None)
@given(sides(), st.lists(sides(), max_size=6))
def test_what_is_left_out_early_could_not_have_been_firm(text: Side, others: list[Side]) -> None:
    """Going by shared runs alone, as going by all the evidence: the same pairs are left."""
    told = {n: (side.words, side.headline_words) for n, side in enumerate([text, *others])}
    pairs = np.array([(0, n) for n in range(1, len(told))], np.int64).reshape(-1, 2)
    firm = [could_be_firm(compare(*told[0], *told[n])) for n in range(1, len(told))]
    laid = Laid.of((n, *told[n]) for n in told)
    hopeful = promising(laid, pairs, np.zeros(len(pairs), np.bool_)).tolist()
    left = promising(laid, pairs, np.ones(len(pairs), np.bool_)).tolist()
    assert left == [hope and holds for hope, holds in zip(hopeful, firm, strict=True)]


def test_more_than_a_batch_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred others, every third a copy, give a hundred verdicts in the order they came in."""
    monkeypatch.setattr(module, "BATCH", 1_000)
    text = Side(plain(PASSAGES[0] * 2), 3, Profile())
    foreign = Side(plain(PASSAGES[1] * 2), 3, Profile())
    others = [text if at % 3 == 0 else foreign for at in range(101)]
    assert [verdict is not None for verdict in verdicts(text, others)] == [other is text for other in others]
    assert verdicts(text, []) == []


def test_words_may_be_read_only() -> None:
    """Words over a database's bytes are judged as they are, and left as they are."""
    text = Side(np.frombuffer(plain(PASSAGES[0]).tobytes(), np.uint32), 3, Profile())
    assert verdicts(text, [text])[0] is not None


def test_what_the_kernel_reads_is_named_as_in_the_evidence() -> None:
    """The formula reads the same names off the kernel's counts and off the evidence."""
    assert set(Counts._fields) <= set(Evidence._fields)
