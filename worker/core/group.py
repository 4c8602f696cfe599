"""From matched texts to stories: a pure function of the set, whatever order it is given in."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import inf
from operator import attrgetter
from typing import Final, NamedTuple

from worker.core.match import REACH, Relation

LINKED: Final = 0.06
"""Mean Jaccard similarity across two clusters from which they are one story."""

CARRIED: Final = 0.5
"""Containment from which a text carries another whole; under it, the way back, it holds more than that other."""


class Text(NamedTuple):
    """What grouping needs to know of a text."""

    digest: bytes
    published: float | None = None
    """Earliest plausible publication, POSIX seconds."""
    source_rank: int = 0
    """Smaller comes first among texts of one time."""
    sources: frozenset[str] = frozenset()
    """Canonical names (`worker.core.normalise.agency`) of the sources it appeared in."""
    credits: frozenset[str] = frozenset()
    """Agencies it credits."""
    words: int = 0
    """Of texts of one time and rank the longest comes first: the others are more likely cut from it."""


class Match(NamedTuple):
    """Two texts decided to be one story. Containments are of `a` in `b` and of `b` in `a`."""

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

    @property
    def ties(self) -> bool:
        """Whether it is strong enough to hold a member to its canonical text."""
        return self.relation.is_strong and (self.reach >= REACH or self.relation is Relation.EXACT)


class Member(NamedTuple):
    """A text of a story other than its canonical one, with which it has a match."""

    digest: bytes
    relation: Relation
    jaccard: float
    reach: float
    """Containment of the shorter of the two."""


@dataclass(frozen=True, slots=True)
class Story:
    """One story: its canonical text and all others, in order of digest."""

    canonical: bytes
    members: tuple[Member, ...] = ()

    @property
    def digests(self) -> frozenset[bytes]:
        """All texts of the story."""
        return frozenset((self.canonical, *(member.digest for member in self.members)))


def group(texts: Iterable[Text], matches: Iterable[Match]) -> list[Story]:
    """Fold texts into stories, in order of their canonical digest. Texts without a match become stories of one.

    Three passes over the matches, the strongest first, ties broken by digest:

    1. A strong match merges two clusters if every member keeps a strong match with the merged canonical text.
    2. Two clusters join if most pairs across them match, at a mean Jaccard similarity of `LINKED` (average linkage),
       and every member has a match with the merged canonical text: retellings of one event draw on each other all
       around, while a recycled passage ties single members and a common quotation is a small part of each.
    3. A text that no strong match ties is attached to the story whose canonical text it matches and on which it draws
       most, together with those it has been joined to in the second pass.

    None of them lets a round-up weld the stories it carries. So every member of a story has a match with its canonical
    text, and one that is not `derived` reaches it directly: nothing drifts. Takes a few microseconds a match.
    """
    return _Grouping(texts, matches).stories()


@dataclass(slots=True)
class _Cluster:
    """Texts that are one story so far, and what choosing their canonical text takes."""

    serial: int
    members: list[bytes]
    canonical: bytes
    first: bytes
    """The earliest text, whoever wrote it."""
    credits: frozenset[str]
    own: dict[str, bytes]
    """Source -> its earliest text in here."""
    loose: bool = True
    """Nothing but retellings so far: no strong match ties any two of its texts."""


Merger = Callable[[_Cluster, _Cluster], bytes | None]
"""Gives the canonical text of the merged cluster, or None if the two must not merge. First the smaller one."""


class _Grouping:
    def __init__(self, texts: Iterable[Text], matches: Iterable[Match]) -> None:
        self.texts = {text.digest: text for text in texts}
        known = sorted((m for m in matches if m.a in self.texts and m.b in self.texts and m.a != m.b), key=_tightness)
        self.matches: dict[tuple[bytes, bytes], Match] = {}
        """By pair, the tightest first."""
        for match in known:
            self.matches.setdefault(_pair(match.a, match.b), match)
        self.neighbours: dict[bytes, list[bytes]] = defaultdict(list)
        for a, b in self.matches:
            self.neighbours[a].append(b)
            self.neighbours[b].append(a)
        self.of = {
            text.digest: _Cluster(
                serial, [text.digest], text.digest, text.digest, text.credits, dict.fromkeys(text.sources, text.digest)
            )
            for serial, text in enumerate(self.texts.values())
        }
        self.serial = len(self.of)
        self.refused: set[tuple[int, int]] = set()

    def stories(self) -> list[Story]:
        self._pass(filter(attrgetter("ties"), self.matches.values()), self._tie)
        self._pass(self.matches.values(), self._link)
        across = (match for match in self.matches.values() if self.of[match.a] is not self.of[match.b])
        self._pass(sorted(across, key=_draws_on), self._attach)
        told = (self._story(cluster) for digest, cluster in self.of.items() if cluster.canonical == digest)
        return sorted(told, key=lambda story: story.canonical)

    def _pass(self, matches: Iterable[Match], merger: Merger) -> None:
        """Try to merge the clusters of each match. What was refused is not asked again until one of them has grown."""
        self.refused.clear()
        for match in matches:
            if self.of[match.a] is self.of[match.b]:
                continue
            small, large = self._sides(match)
            if (small.serial, large.serial) in self.refused:
                continue
            canonical = merger(small, large)
            if canonical is None or self._welds(small, large) or self._welds(large, small):
                self.refused.add((small.serial, large.serial))
            else:
                self._merge(small, large, canonical)
                large.loose &= small.loose and merger != self._tie

    def _tie(self, small: _Cluster, large: _Cluster) -> bytes | None:
        canonical = self._canonical(small, large)
        found = (self._match(digest, canonical) for digest in _moved(small, large, canonical))
        return canonical if all(match and match.ties for match in found) else None

    def _link(self, small: _Cluster, large: _Cluster) -> bytes | None:
        across, pairs = self._across(small, large), len(small.members) * len(large.members)
        shared = sum(self.matches[_pair(a, b)].jaccard for a, b in across)
        if 2 * len(across) <= pairs or shared < LINKED * pairs:
            return None
        canonical = self._canonical(small, large)
        return canonical if all(self._match(digest, canonical) for digest in _moved(small, large, canonical)) else None

    def _attach(self, small: _Cluster, large: _Cluster) -> bytes | None:
        guests, host = (small, large) if small.loose else (large, small)
        if not guests.loose:
            return None
        if len(large.members) == 1:
            return self._canonical(small, large)
        return host.canonical if all(self._match(guest, host.canonical) for guest in guests.members) else None

    def _welds(self, carriers: _Cluster, carried: _Cluster) -> bool:
        """Whether round-ups alone tie the two: they carry the texts of one cluster, and half of their own is another's.

        A minority that does not match is let pass: two cuts of one long report need not overlap.
        """
        across = self._across(carriers, carried)
        if 2 * len({carrier for carrier, _ in across}) > len(carriers.members):
            return False
        return all(self._carries(carrier, part) for carrier, part in across)

    def _carries(self, carrier: bytes, part: bytes) -> bool:
        match = self.matches[_pair(carrier, part)]
        of_carrier, of_part = match.containment_a, match.containment_b
        if match.a == part:
            of_carrier, of_part = of_part, of_carrier
        return of_part >= CARRIED > of_carrier

    def _across(self, one: _Cluster, two: _Cluster) -> list[tuple[bytes, bytes]]:
        """The pairs that match, first the text of `one`; found from the smaller side."""
        if len(one.members) > len(two.members):
            return [(a, b) for b, a in self._across(two, one)]
        return [(a, b) for a in one.members for b in self.neighbours[a] if self.of[b] is two]

    def _sides(self, match: Match) -> tuple[_Cluster, _Cluster]:
        one, two = self.of[match.a], self.of[match.b]
        return (one, two) if (len(one.members), one.canonical) <= (len(two.members), two.canonical) else (two, one)

    def _canonical(self, small: _Cluster, large: _Cluster) -> bytes:
        """The earliest article of an agency that is credited in either; without one, the earliest text."""
        credited = small.credits | large.credits
        own = [side.own[name] for side in (small, large) for name in credited if name in side.own]
        return min(own or (small.first, large.first), key=self._order)

    def _merge(self, small: _Cluster, large: _Cluster, canonical: bytes) -> None:
        for name, digest in small.own.items():
            large.own[name] = min(large.own.get(name, digest), digest, key=self._order)
        large.first = min(small.first, large.first, key=self._order)
        large.credits |= small.credits
        large.canonical = canonical
        large.members += small.members
        large.serial = self.serial = self.serial + 1
        for digest in small.members:
            self.of[digest] = large

    def _order(self, digest: bytes) -> tuple[float, int, int, bytes]:
        text = self.texts[digest]
        return (inf if text.published is None else text.published, text.source_rank, -text.words, digest)

    def _match(self, a: bytes, b: bytes) -> Match | None:
        return self.matches.get(_pair(a, b))

    def _story(self, cluster: _Cluster) -> Story:
        digests = sorted(digest for digest in cluster.members if digest != cluster.canonical)
        found = ((digest, self.matches[_pair(digest, cluster.canonical)]) for digest in digests)
        members = (
            Member(digest, match.relation if match.ties else Relation.DERIVED, match.jaccard, match.reach)
            for digest, match in found
        )
        return Story(cluster.canonical, tuple(members))


def _moved(small: _Cluster, large: _Cluster, canonical: bytes) -> list[bytes]:
    """The texts that get another canonical text when the two merge."""
    sides = (side for side in (small, large) if side.canonical != canonical)
    return [digest for side in sides for digest in side.members if digest != canonical]


def _pair(a: bytes, b: bytes) -> tuple[bytes, bytes]:
    return (a, b) if a < b else (b, a)


def _tightness(match: Match) -> tuple[int, int, bytes, bytes]:
    """Copies of one length before cuts, cuts before retellings. Rounded, so that no last bit decides."""
    contained = match.containment_a + match.containment_b
    return (-round(_FINE * contained), -round(_FINE * match.strength), *_pair(match.a, match.b))


def _draws_on(match: Match) -> tuple[int, int, bytes, bytes]:
    return (-round(_FINE * match.reach), -round(_FINE * match.strength), *_pair(match.a, match.b))


_FINE: Final = 1e9
"""To whole numbers of this part: rounding to decimal places takes several times as long."""
