"""From matched texts to stories: a pure function of the set, whatever order it is given in."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf
from typing import Final

from worker.core.match import REACH, Relation

_ALIKE: Final = 0.5
"""Containment of the longer text in the shorter from which a text is no round-up of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What grouping needs to know of a text."""

    digest: bytes
    published: float | None = None
    """Earliest plausible publication, POSIX seconds."""
    source_rank: int = 0
    """Smaller comes first among texts of one time."""
    sources: frozenset[str] = field(default_factory=frozenset)
    """Canonical names (`worker.core.normalise.agency`) of the sources it appeared in."""
    credits: frozenset[str] = field(default_factory=frozenset)
    """Agencies it credits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """Two texts decided to be one story."""

    a: bytes
    b: bytes
    relation: Relation
    jaccard: float
    containment_a: float
    containment_b: float
    strength: float = 1.0

    @property
    def reach(self) -> float:
        """Containment of the shorter text."""
        return max(self.containment_a, self.containment_b)


@dataclass(frozen=True, slots=True)
class Member:
    """A text of a story other than its canonical one."""

    digest: bytes
    relation: Relation
    """To the canonical text, with which it has a match."""


@dataclass(frozen=True, slots=True)
class Story:
    """One story: its canonical text and all others, in order of digest."""

    canonical: bytes
    members: tuple[Member, ...] = ()

    @property
    def digests(self) -> frozenset[bytes]:
        """All texts of the story."""
        return frozenset((self.canonical, *(member.digest for member in self.members)))


@dataclass(slots=True)
class _Cluster:
    """Texts that are one story so far, and what choosing their canonical text takes."""

    members: list[bytes]
    canonical: bytes
    first: bytes
    """The earliest text, whoever wrote it."""
    credits: frozenset[str]
    own: dict[str, bytes]
    """Agency -> its earliest own article in here."""


def group(texts: Iterable[Text], matches: Iterable[Match]) -> list[Story]:
    """Fold texts into stories, in order of their canonical digest. Texts without a match become stories of one.

    Three passes, each over the matches from the strongest on, ties broken by digest:

    1. A strong match merges two clusters if every member keeps a strong match of at least `REACH` with the merged
       canonical text, and no round-up is all that holds the two together.
    2. Two clusters join if more than half of the pairs across them match (average linkage): retellings of one event
       draw on each other all around, while a round-up or one recycled passage ties a single member.
       Every member has a match with the merged canonical text.
    3. A text still alone is attached to the story whose canonical text it matches and on which it draws most.

    So every member of a story has a match with its canonical text, and one that is not `derived` reaches it directly.
    """
    return _Grouping(texts, matches).stories()


class _Grouping:
    def __init__(self, texts: Iterable[Text], matches: Iterable[Match]) -> None:
        self.texts = {text.digest: text for text in texts}
        known = sorted((m for m in matches if m.a in self.texts and m.b in self.texts and m.a != m.b), key=_order)
        self.matches = {_pair(m.a, m.b): m for m in reversed(known)}
        self.ranked = sorted(self.matches.values(), key=_order)
        self.neighbours: dict[bytes, list[bytes]] = defaultdict(list)
        for a, b in self.matches:
            self.neighbours[a].append(b)
            self.neighbours[b].append(a)
        self.of: dict[bytes, _Cluster] = {}
        for text in self.texts.values():
            own = dict.fromkeys(text.sources, text.digest)
            self.of[text.digest] = _Cluster([text.digest], text.digest, text.digest, text.credits, own)

    def stories(self) -> list[Story]:
        for match in self.ranked:
            if match.relation.is_strong:
                self._tie(match)
        for match in self.ranked:
            self._link(match)
        for match in sorted(self.ranked, key=_draws_on):
            self._attach(match)
        told = (self._story(cluster) for digest, cluster in self.of.items() if cluster.canonical == digest)
        return sorted(told, key=lambda story: story.canonical)

    def _tie(self, match: Match) -> None:
        small, large = self._sides(match)
        if small is large:
            return
        merged = self._union(small, large)
        within_reach = all(self._strong(digest, merged.canonical) for digest in self._moved(small, large, merged))
        if within_reach and not self._round_up(small, large):
            self._replace(merged)

    def _link(self, match: Match) -> None:
        small, large = self._sides(match)
        if small is large:
            return
        across = sum(self.of[other] is large for digest in small.members for other in self.neighbours[digest])
        if 2 * across > len(small.members) * len(large.members):
            merged = self._union(small, large)
            if all(self._match(digest, merged.canonical) for digest in self._moved(small, large, merged)):
                self._replace(merged)

    def _attach(self, match: Match) -> None:
        small, large = self._sides(match)
        if small is large or len(small.members) > 1:
            return
        if len(large.members) == 1:
            self._replace(self._union(small, large))
        elif self._match(small.first, large.canonical):
            large.members += small.members
            self.of[small.first] = large

    def _sides(self, match: Match) -> tuple[_Cluster, _Cluster]:
        one, two = self.of[match.a], self.of[match.b]
        return (one, two) if (len(one.members), one.canonical) <= (len(two.members), two.canonical) else (two, one)

    def _union(self, small: _Cluster, large: _Cluster) -> _Cluster:
        own = dict(large.own)
        for name, digest in small.own.items():
            own[name] = min(own.get(name, digest), digest, key=self._key)
        credits = small.credits | large.credits
        first = min(small.first, large.first, key=self._key)
        canonical = min((own[name] for name in credits if name in own), key=self._key, default=first)
        return _Cluster(large.members + small.members, canonical, first, credits, own)

    def _replace(self, merged: _Cluster) -> None:
        for digest in merged.members:
            self.of[digest] = merged

    def _key(self, digest: bytes) -> tuple[float, int, bytes]:
        text = self.texts[digest]
        return (inf if text.published is None else text.published, text.source_rank, digest)

    def _moved(self, small: _Cluster, large: _Cluster, merged: _Cluster) -> list[bytes]:
        """The texts that get another canonical text by the merger."""
        sides = (side for side in (small, large) if side.canonical != merged.canonical)
        return [digest for side in sides for digest in side.members if digest != merged.canonical]

    def _match(self, a: bytes, b: bytes) -> Match | None:
        return self.matches.get(_pair(a, b))

    def _strong(self, a: bytes, b: bytes) -> Match | None:
        match = self._match(a, b)
        return match if match and match.relation.is_strong and match.reach >= REACH else None

    def _round_up(self, small: _Cluster, large: _Cluster) -> bool:
        """One text carries parts of both clusters, and nothing else ties them."""
        if len(small.members) + len(large.members) == 2:
            return False
        across = [(a, b) for a in small.members for b in self.neighbours[a] if self.of[b] is large]
        ends = [{a for a, _ in across}, {b for _, b in across}]
        hubs = [next(iter(end)) for end in ends if len(end) == 1]
        return any(not self._any_like(hub, small if self.of[hub] is large else large) for hub in hubs if hub)

    def _any_like(self, hub: bytes, others: _Cluster) -> bool:
        found = (self._match(hub, digest) for digest in others.members)
        return any(m and min(m.containment_a, m.containment_b) >= _ALIKE for m in found)

    def _story(self, cluster: _Cluster) -> Story:
        members = (self._member(digest, cluster.canonical) for digest in cluster.members if digest != cluster.canonical)
        return Story(cluster.canonical, tuple(sorted(members, key=lambda member: member.digest)))

    def _member(self, digest: bytes, canonical: bytes) -> Member:
        match = self.matches[_pair(digest, canonical)]
        strong = match.relation.is_strong and match.reach >= REACH
        return Member(digest, match.relation if strong else Relation.DERIVED)


def _pair(a: bytes, b: bytes) -> tuple[bytes, bytes]:
    return (a, b) if a < b else (b, a)


def _order(match: Match) -> tuple[float, float, bytes, bytes]:
    return (-round(match.containment_a + match.containment_b, 9), -round(match.strength, 9), *_pair(match.a, match.b))


def _draws_on(match: Match) -> tuple[float, float, bytes, bytes]:
    return (-round(match.reach, 9), -round(match.strength, 9), *_pair(match.a, match.b))
