"""What dies after any statement, commit or file operation, a process or the machine, and starts again: nothing lost,
nothing double.

NEWSFOLD_TEST_FULL=1 pytest tests/test_simulator.py    # every point, 600 double deaths
"""

import logging
import os
import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pytest
import structlog

from tests.conduct import edited, posted, report, rows
from tests.simulator import Files, Machine, Record, jsonl
from tests.test_pipeline import family
from worker.core import cells
from worker.pipeline import IndexVersionError, Pipeline
from worker.rebuild import rebuild

FULL = bool(os.environ.get("NEWSFOLD_TEST_FULL"))


def _waves() -> tuple[Files, Files]:
    """Two drops. First: a file of two chunks with a broken line, copies of what is in it, an edit, two bad files and
    two halves of a report. Then what changes stories: a late original, the whole report that welds the halves, a new
    version of an item, and the kill of another."""
    wire, copy, edit, cut = family(3)
    killed, *_ = family(4)
    body = report(9, 240).split()
    halves = [_half(body[:131], 0), _half(body[111:], 1)]
    first = {
        "desk/edit.json": jsonl(edit),
        "desk/halves.jsonl": jsonl(*halves),
        "wire/all.jsonl": jsonl(copy, cut, *family(5)[:2], killed)
        + b'{"id": "broken", "text": "no end\n'
        + jsonl(copy),
        "wire/again.jsonl": jsonl(cut, copy),
        "other/copy.json": jsonl(copy | {"source": "Second Desk"}),
        "bad/noise.bin": bytes(range(256)) * 4,
        "bad/title.json": b'{"id": 1, "title": "Only a title"}',
    }
    version = killed | {"text": edited(killed["text"], 60, "quartz"), "published_at": "2026-04-29T12:00:00Z"}
    second = {
        "wire/original.json": jsonl(wire),
        "wire/whole.json": jsonl(_half(body, 2) | {"published_at": "2026-04-01T10:00:00Z"}),
        "wire/version.jsonl": jsonl(version, version),
        "wire/kill.json": jsonl(killed | {"status": "cancelled", "text": "Kill the report, please: it was never so."}),
        "wire/all.jsonl": jsonl(*family(5)),
    }
    return first, second


def _half(words: Sequence[str], number: int) -> Record:
    return {
        "id": f"p{number}",
        "title": f"Report 9, part {number}",
        "text": " ".join(words),
        "published_at": f"2026-04-0{number + 2}T10:00:00Z",
    }


WAVES = _waves()


def play(machine: Machine, waves: Sequence[Files], *deaths: int, power: bool = False) -> list[str]:
    """Drop each wave and work it off, dying at the given points, each counted from the start after the last.

    Returns the points passed.
    """
    left = list(deaths)
    passed = []
    for wave in waves:
        machine.drop(wave)
        while True:
            fuse = machine.live(left[0] if left else None, power=power)
            passed += fuse.passed
            if not fuse.blown:
                left[:1] = [left[0] - len(fuse.passed)] if left else []
                break
            left.pop(0)
    return passed


@pytest.fixture(scope="module", autouse=True)
def tiny_cells() -> Iterator[None]:
    """Cells of the index overflow, so that it dies while they are halved as well."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cells, "CELL", 2)
        patch.setattr(cells, "RARE", 1)
        yield


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No log: writing it would take longer than the work."""
    with silence():
        yield


@contextmanager
def silence() -> Iterator[None]:
    """Log nothing but errors."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    try:
        yield
    finally:
        structlog.configure(**before)


def chosen(points: Sequence[str]) -> list[int]:
    """The points to die at: in full mode all of them.

    What is on disk differs after each file operation and each commit of something written, so one in four of those; of
    the statements, which are rolled back, one in 24.
    """
    if FULL:
        return list(range(1, len(points) + 1))
    lasting, others = [], []
    written = False
    for number, point in enumerate(points, 1):
        written |= point.startswith(("INSERT", "UPDATE", "DELETE"))
        (lasting if point.split()[0].islower() or (point == "COMMIT" and written) else others).append(number)
        written &= point != "COMMIT"
    return sorted(lasting[::4] + others[::24])


@dataclass(slots=True)
class Stage:
    """A machine, and what a life without deaths gave after each wave: the points passed, and the export."""

    machine: Machine
    points: list[list[str]]
    clean: list[bytes]

    @classmethod
    def set(cls, machine: Machine) -> Self:
        """Live undisturbed."""
        points, clean = [], []
        for number, wave in enumerate(WAVES):
            points.append(play(machine, [wave]))
            assert machine.wrong() == []
            clean.append(machine.export())
            machine.keep(f"wave-{number}")
        return cls(machine, points, clean)

    def strike(self, begin: str, waves: slice, deaths: Iterable[Sequence[int]], *, power: bool = False) -> list[str]:
        """From what was kept on, die each of these deaths in these waves; return what was wrong afterwards."""
        wrong = []
        for points in deaths:
            self.machine.start_from(begin)
            passed = play(self.machine, WAVES[waves], *points, power=power)
            found = self.machine.wrong()
            if self.machine.export() != self.clean[waves][-1]:
                found.append("another export")
            if found:
                wrong.append(f"deaths at {points}, the first after {passed[points[0] - 1]!r}: {found}")
        return wrong


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory, tiny_cells: None) -> Iterator[Stage]:
    """A machine with SQLite."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    with silence():
        set_ = Stage.set(machine)
        assert rows(machine.engine, "SELECT count(*) AS halved FROM halved_cells")[0]["halved"]
        yield set_
    machine.close()


@pytest.mark.parametrize(("wave", "begin"), [(0, "empty"), (1, "wave-0")])
def test_dying_anywhere_once_changes_nothing(stage: Stage, wave: int, begin: str) -> None:
    deaths = [(n,) for n in chosen(stage.points[wave])]
    assert stage.strike(begin, slice(wave, wave + 1), deaths) == []


@pytest.mark.parametrize(("wave", "begin"), [(0, "empty"), (1, "wave-0")])
def test_a_power_cut_anywhere_takes_back_nothing_that_a_moved_file_stands_for(
    stage: Stage, wave: int, begin: str
) -> None:
    cuts = [(n,) for n in chosen(stage.points[wave])]
    assert stage.strike(begin, slice(wave, wave + 1), cuts, power=True) == []


def test_dying_again_while_starting_again_changes_nothing(stage: Stage) -> None:
    rng = random.Random(1)
    most = sum(map(len, stage.points))
    deaths = [(rng.randint(1, most), rng.randint(1, 120)) for _ in range(600 if FULL else 8)]
    assert stage.strike("empty", slice(0, 2), deaths) == []


def test_dying_anywhere_changes_nothing_on_postgresql(postgres_url: str, tmp_path: Path, stage: Stage) -> None:
    ours = Stage.set(Machine(tmp_path / "postgresql", postgres_url))
    assert ours.clean == stage.clean
    deaths = chosen([point for points in ours.points for point in points])
    sample = deaths if FULL else sorted(random.Random(2).sample(deaths, 8))
    assert ours.strike("empty", slice(0, 2), [(n,) for n in sample]) == []
    ours.machine.close()


def test_nobody_works_on_the_half_index_that_an_interrupted_rebuild_leaves(stage: Stage) -> None:
    machine = stage.machine
    machine.start_from("wave-1")
    with machine.process() as whole:
        rebuild(machine.engine, lambda *_: None)
    assert machine.export() == stage.clean[1]
    keys = posted(machine.engine)
    for point in range(1, len(whole.passed) + 1, 1 if FULL else 9):
        machine.start_from("wave-1")
        with machine.process(point):
            rebuild(machine.engine, lambda *_: None)
        try:
            Pipeline.open(machine.engine)
        except IndexVersionError:
            pass
        else:
            assert posted(machine.engine) == keys
        machine.close()
        with machine.process():
            rebuild(machine.engine, lambda *_: None)
        assert (machine.wrong(), machine.export() == stage.clean[1]) == ([], True)
