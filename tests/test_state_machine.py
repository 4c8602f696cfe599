"""Whatever is dropped, in whatever order, however often the process dies: the stories of the set, and a true ledger.

NEWSFOLD_TEST_FULL=1 pytest tests/test_state_machine.py    # thousands of runs; NEWSFOLD_TEST_SEED for others
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.conduct import edited, exported, records, report, rows
from tests.simulator import Machine, Record, jsonl
from tests.test_pipeline import family
from tests.test_simulator import FULL, silence
from worker.pipeline import Pipeline, describe
from worker.prune import delete_before
from worker.rebuild import rebuild

BROKEN = b'{"id": "broken", "text": "\n'
JUNK = bytes(range(256))


def _pool() -> list[Record]:
    """Families, lone reports, two halves of a report and the whole; versions of items, and the kill of one."""
    told = [record for number in range(3) for record in family(number)] + records(range(60, 64))
    body = report(9, 240).split()
    for number, words in enumerate((body[:131], body[111:], body)):
        time = f"2026-04-0{5 - number}T10:00:00Z"
        told.append({"id": f"p{number}", "title": f"Part {number}", "text": " ".join(words), "published_at": time})
    wire, copy, edit, _ = family(1)
    for hour, item in enumerate((wire, copy, edit)):
        told.append(item | {"text": edited(item["text"], 50, "quartz"), "published_at": f"2026-04-20T1{hour}:00:00Z"})
    return [*told, *map(late, range(3)), family(2)[0] | {"published_at": None}, KILL]


def late(number: int) -> Record:
    """A copy of what is old by then."""
    return family(number)[number % 2] | {"source": "Late Desk", "published_at": "2026-04-25T10:00:00Z"}


KILL = family(1)[0] | {"status": "cancelled", "text": "Kill the report, please: it was never so."}
POOL = _pool()


class Desk(RuleBasedStateMachine):
    """A machine whose plug is pulled, beside the plainest model of it: the files dropped."""

    machine: Machine
    serial: Machine

    @initialize()
    def empty(self) -> None:
        """Begin with nothing."""
        self.files: list[tuple[str, list[Record], bool]] = []
        self.kept: list[tuple[str, Record]] = []
        """What the last pruning left of what had been dropped before it, and how many were new by then."""
        self.known: set[bytes] = set()
        self.dropped_since = self.new_before = 0
        self.machine.start_from("empty")
        self.rebuilding = False
        self.deaths = 0
        """Since everything was worked off last."""

    # --- what people do ---

    @rule(
        chosen=st.lists(st.sampled_from(range(len(POOL) - 1)), min_size=1, max_size=7),
        folder=st.sampled_from(["wire", "desk"]),
        broken=st.booleans(),
    )
    def drop(self, chosen: list[int], folder: str, broken: bool) -> None:
        """Drop a file of some articles, perhaps with a line that is none."""
        self._drop(f"{folder}/{len(self.files)}.jsonl", [POOL[number] for number in chosen], broken)

    @rule(number=st.integers(0, 2), portions=st.permutations(range(5)))
    def drop_family(self, number: int, portions: list[int]) -> None:
        """Drop all there is of a family, in two files."""
        told = [*family(number), late(number)]
        for part in (portions[:2], portions[2:]):
            self._drop(f"wire/{len(self.files)}.jsonl", [told[place] for place in part], broken=False)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def drop_again(self, data: st.DataObject) -> None:
        """Drop a file a second time, from the same folder."""
        name, told, broken = data.draw(st.sampled_from(self.files))
        self._drop(f"{name.partition('/')[0]}/{len(self.files)}.jsonl", told, broken)

    @rule()
    def drop_kill(self) -> None:
        """Drop the kill of an item, which then stays for good: no pruning is told what that withdraws."""
        self._drop(f"wire/{len(self.files)}.jsonl", [KILL], broken=False)

    @rule()
    def drop_junk(self) -> None:
        """Drop what is no news."""
        self._drop(f"wire/{len(self.files)}.jsonl", [], broken=False)

    def _drop(self, name: str, told: list[Record], broken: bool) -> None:
        broken &= len(told) > 2
        self.files.append((name, told, broken))
        self.machine.drop({name: jsonl(*told) + (BROKEN if broken else b"") if told else JUNK})

    # --- what happens to the process ---

    @precondition(lambda self: not self.rebuilding)
    @rule()
    def live(self) -> None:
        """Work until nothing is left to do."""
        self.machine.live()
        self.deaths = 0

    @precondition(lambda self: not self.rebuilding and self.deaths < 2)
    @rule(point=st.integers(1, 260), power=st.booleans())
    def die(self, point: int, power: bool) -> None:
        """Work until the process is killed, or the machine's plug is pulled: twice at the most, as a file on which
        three workers died is given up."""
        self.machine.live(point, power=power)
        self.deaths += 1

    @rule(point=st.none() | st.integers(1, 160))
    def rebuild(self, point: int | None) -> None:
        """Rebuild from the stored texts, perhaps not to the end: then it is to be done again before anything else."""
        with self.machine.process(point) as fuse:
            rebuild(self.machine.engine, lambda *_: None)
        self.rebuilding = fuse.blown

    @precondition(lambda self: not self.rebuilding and self.files and KILL not in self._records())
    @rule(day=st.sampled_from(["2026-03-20", "2026-04-02", "2026-04-06", "2026-04-20"]), point=st.integers(1, 120))
    def prune(self, day: str, point: int) -> None:
        """Delete what is old from a database at rest, in two goes, after the plug was pulled at the first."""
        # What came last is kept on SQLite, however old: so something comes last that is not.
        self.live()
        newest = records([200 + len(self.files)])[0] | {"published_at": "2026-05-30T08:00:00Z"}
        self._drop(f"wire/{len(self.files)}.jsonl", [newest], broken=False)
        self.settle()
        cut = datetime.fromisoformat(f"{day}T00:00:00Z")
        stored = self._stored()
        self.kept = [
            (name, record)
            for name, record in stored.values()
            if not record["published_at"] or record["published_at"] >= day
        ]
        self.new_before += len(stored.keys() - self.known)
        self.known = {_identity(*one) for one in self.kept}
        self.dropped_since = len(self.files)
        self.machine.pruned += len(stored) - len(self.kept)
        for blows_at in (point, None):
            with self.machine.process(blows_at):
                delete_before(Pipeline.open(self.machine.engine), cut, lambda *_: None)
        self.settle()

    def _records(self) -> list[Record]:
        return [record for _, told, _ in self.files for record in told]

    def _stored(self) -> dict[bytes, tuple[str, Record]]:
        """What should be in the database once everything is worked off, by what makes an article this one."""
        since = [(name, record) for name, told, _ in self.files[self.dropped_since :] for record in told]
        return {_identity(*one): one for one in (*self.kept, *since)}

    # --- what must hold ---

    @precondition(lambda self: not self.rebuilding)
    @rule()
    def settle(self) -> None:
        """Work off everything and compare with the model and with a clean serial run."""
        self.live()
        assert self.machine.wrong() == []
        self._adds_up()
        assert self.machine.export() == self._serial_export()

    def _adds_up(self) -> None:
        ledger = {row["path"]: row for row in rows(self.machine.engine, "SELECT * FROM deliveries")}
        self.machine.close()
        for name, told, broken in self.files:
            row = ledger[name]
            assert (row["received"], row["rejected"]) == (len(told) + broken, int(broken)), name
            assert row["state"] == ("done" if told else "failed"), name
        new = sum(row["new"] for row in ledger.values())
        assert new == self.new_before + len(self._stored().keys() - self.known)

    def _serial_export(self) -> bytes:
        self.serial.start_from("empty")
        pipe = Pipeline.open(self.serial.engine)
        drops = []
        for number, (name, record) in enumerate(self._stored().values()):
            file = self.serial.folder / f"{number}.jsonl"
            file.write_bytes(jsonl(record))
            drops.append(describe(file, file.name, name.partition("/")[0]))
        list(pipe.ingest(drops))
        try:
            return exported(self.serial.engine)
        finally:
            self.serial.close()

    def teardown(self) -> None:
        """Whatever happened, it must come to rest."""
        if hasattr(self, "files"):
            if self.rebuilding:
                self.rebuild(None)
            self.settle()


def _identity(name: str, record: Record) -> bytes:
    return orjson.dumps({"source": name.partition("/")[0]} | record, option=orjson.OPT_SORT_KEYS)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No log."""
    with silence():
        yield


def desks(machine: Machine, serial: Machine) -> Any:
    """Desks that share their machines: making new ones would take most of the time."""
    return lambda: type("Desk", (Desk,), {"machine": machine, "serial": serial})()


def few(examples: int, steps: int = 14) -> settings:
    """The same few runs each time; in full mode many, and others with each seed."""
    return settings(
        max_examples=examples * 100 if FULL else examples,
        stateful_step_count=steps,
        derandomize="NEWSFOLD_TEST_SEED" not in os.environ,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink] if FULL else [Phase.generate],
    )


def test_any_drops_and_deaths_end_in_the_stories_of_a_clean_serial_run(tmp_path: Path) -> None:
    machine, serial = Machine(tmp_path / "machine"), Machine(tmp_path / "serial")
    run_state_machine_as_test(desks(machine, serial), settings=few(14))
    machine.close()
    serial.close()


def test_any_drops_and_deaths_on_postgresql_end_in_the_stories_of_a_clean_serial_run_on_sqlite(
    postgres_url: str, tmp_path: Path
) -> None:
    machine, serial = Machine(tmp_path / "machine", postgres_url), Machine(tmp_path / "serial")
    run_state_machine_as_test(desks(machine, serial), settings=few(3))
    machine.close()
    serial.close()
