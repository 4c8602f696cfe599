"""`newsfold prune`: out of the index or out of the database, beside running workers, and nothing else changes."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from models import queries
from models.engine import look, reading, transact
from tests.conduct import all_entered, edited, exported, ingest, opened, partition, posted, records, rows, write_jsonl
from tests.simulator import Machine, jsonl
from tests.test_pipeline import family
from tests.test_simulator import FULL, silence
from worker import postings, prune, searching
from worker.cli import cli
from worker.commands.prune import cut_off
from worker.core.errors import NewsfoldError
from worker.core.runs import Posting
from worker.entered import BEFORE_ALL
from worker.pipeline import Pipeline
from worker.prune import Pruned

CUT = datetime(2026, 4, 5, tzinfo=UTC)
"""Families 0 to 3 came out before, as did all lone reports; of family 4 nothing did."""


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """No log."""
    with silence():
        yield


def nothing(step: str, more: int) -> None:
    """Hear of no progress."""


def count(engine: Engine, table: str) -> int:
    """Rows of a table."""
    (row,) = rows(engine, f"SELECT count(*) AS n FROM {table}")
    return int(row["n"])


NEWEST = records([99])[0] | {"published_at": "2026-05-30T08:00:00Z"}
"""What came last stays, however old it is (see `prune._deletable`): so something comes last that is not."""


def held(engine: Engine) -> int:
    """How many keys are entered."""
    return len({key for key, _, _ in look(engine, all_entered)})


def test_keys_that_left_the_index_are_looked_for_no_more(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [*family(3), *family(4)]))
        transact(engine, postings.settle)
        noted = "SELECT sum(length(data)) / 4 AS keys FROM key_filters"  # four bytes each while they are few
        before = held(engine)
        assert rows(engine, noted) == [{"keys": before}]
        prune.forget_before(engine, CUT, nothing)
        assert rows(engine, noted) == [{"keys": held(engine)}]
        assert held(engine) < before


def test_what_left_the_index_stays_in_its_story_and_is_matched_to_nothing_new(
    database_url: str, tmp_path: Path
) -> None:
    wire, copy, edit, _ = family(3)
    _, _, fresh, _ = family(4)
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [wire, edit, family(4)[0]]))
        before = exported(engine)
        dry = prune.count_before(engine, CUT, deleting=False)
        assert prune.forget_before(engine, CUT, nothing) == dry
        assert dry.postings > 50
        assert prune.forget_before(engine, CUT, nothing) == Pruned()
        assert exported(engine) == before
        late = {
            "id": "late", "title": "Another headline", "text": edited(wire["text"], 30, "amber"),
            "published_at": "2026-04-08T10:00:00Z",
        }  # fmt: skip
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", [late, fresh]))
        stories = {frozenset({"wire3", "edit3"}), frozenset({"late"}), frozenset({"wire4", "edit4"})}
        assert partition(engine) == stories
        # An exact copy is an appearance of the text that is there: it joins its story, and indexes it again.
        ingest(pipe, write_jsonl(tmp_path / "c.jsonl", [copy | {"published_at": "2026-04-09T10:00:00Z"}]))
        assert partition(engine) == {frozenset({"wire3", "edit3", "copy3", "late"}), frozenset({"wire4", "edit4"})}


def test_after_deleting_the_stories_are_those_of_what_is_left(database_url: str, tmp_path: Path) -> None:
    old = [record for number in range(4) for record in family(number)] + records(range(60, 70))
    # Of family 5 the leading text is old, of family 6 one of the two appearances of it.
    wire5, copy5, *others5 = family(5)
    wire6, copy6, *others6 = family(6)
    mixed = [
        record | {"published_at": f"2026-04-02T1{hour}:00:00Z"} for hour, record in enumerate((wire5, copy5, copy6))
    ]
    left = [*others5, wire6, *others6, *family(4), NEWEST]
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [*old, *mixed, *left[:-1]]))
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", [NEWEST]))
        ids = {row["external_id"]: row["story_id"] for row in rows(engine, "SELECT * FROM story_members")}
        ledger = rows(engine, "SELECT * FROM deliveries")
        dry = prune.count_before(engine, CUT, deleting=True)
        gone = prune.delete_before(pipe, CUT, nothing)
        assert (gone.articles, gone.texts, gone.stories) == (dry.articles, dry.texts, dry.stories)
        assert (gone.articles, gone.stories) == (len(old) + 3, 14)
        assert prune.delete_before(pipe, CUT, nothing) == Pruned()
        after = {row["external_id"]: row["story_id"] for row in rows(engine, "SELECT * FROM story_members")}
        assert after == {record["id"]: ids[record["id"]] for record in left}
        assert rows(engine, "SELECT * FROM deliveries") == ledger
        assert count(engine, "texts") == len({row["text_id"] for row in rows(engine, "SELECT text_id FROM articles")})
        assert {text for _, _, text in posted(engine)} == {row["id"] for row in rows(engine, "SELECT id FROM texts")}
        led = rows(engine, "SELECT story_id, previous_article_id FROM story_history WHERE change = 'canonical'")
        assert {"story_id": ids["edit5"], "previous_article_id": None} in led
        remaining = exported(engine)
    with opened(f"sqlite:///{tmp_path / 'clean.db'}") as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "left.jsonl", left))
        assert exported(engine) == remaining


def test_what_was_deleted_is_not_found_whether_or_not_the_search_knew_it(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", records([1, 2])))
        searching.fill(engine)
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", records([3])))
        ingest(pipe, write_jsonl(tmp_path / "newest.jsonl", [NEWEST]))
        prune.delete_before(pipe, CUT, nothing)
        searching.fill(engine)
        assert count(engine, "unsearched") == 0
        with reading(engine) as connection:
            assert [story["headline"] for story in queries.search(connection, ["Report"], 9)] == [NEWEST["title"]]


def test_an_article_that_was_deleted_and_comes_again_is_new(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", family(3)))
        ingest(pipe, write_jsonl(tmp_path / "newest.jsonl", [NEWEST]))
        before = exported(engine)
        prune.delete_before(pipe, CUT, nothing)
        assert count(engine, "articles") == 1
        (again,) = ingest(pipe, write_jsonl(tmp_path / "b.jsonl", family(3)))
        assert (again.new, again.duplicate) == (4, 0)
        assert exported(engine) == before


@pytest.mark.parametrize("slices", [1, 2, 3])
def test_a_text_that_comes_again_while_its_keys_are_taken_out_is_posted_once(
    tmp_path: Path, database_url: str, monkeypatch: pytest.MonkeyPatch, slices: int
) -> None:
    monkeypatch.setattr(prune, "SLICE", 12)
    first, again, once_more = (records([1])[0] | {"id": name, "source": name} for name in "abc")
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [first]))
        whole = posted(engine)
        last: Posting | None = BEFORE_ALL
        for _ in range(slices):
            last, _ = transact(engine, partial(prune._forget_slice, after=last, cut=CUT))
        assert 0 < len(posted(engine)) < len(whole)
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", [again]))
        assert posted(engine) == whole
        transact(engine, partial(prune._forget_slice, after=last, cut=CUT))
        ingest(pipe, write_jsonl(tmp_path / "c.jsonl", [once_more]))
        transact(engine, postings.settle)
        assert len(set(posted(engine))) == len(posted(engine))
        prune.forget_before(engine, CUT, nothing)
        assert posted(engine) == []


def test_pruning_that_was_cut_short_is_finished_by_the_next(tmp_path: Path) -> None:
    machine = Machine(tmp_path / "machine")
    wire6, copy6, *others6 = family(6)
    old = [copy6 | {"published_at": "2026-04-02T11:00:00Z"}, *family(2)]
    left = [wire6, *others6, *family(4)]
    machine.drop({"wire/left.jsonl": jsonl(*left), "wire/newest.json": jsonl(NEWEST)})
    machine.live()
    clean = machine.export()
    machine.start_from("empty")
    machine.drop({"wire/a.jsonl": jsonl(*old, *left)})
    machine.live()
    machine.drop({"wire/newest.json": jsonl(NEWEST)})
    machine.live()
    machine.keep("before")
    passed = ends = 0
    while passed == ends:  # until the fuse outlasts the work
        ends += 1 if FULL else 5
        machine.start_from("before")
        with machine.process(ends) as fuse:
            prune.delete_before(Pipeline.open(machine.engine), CUT, nothing)
        passed = len(fuse.passed) if fuse.blown else -1
        with machine.process():
            prune.delete_before(Pipeline.open(machine.engine), CUT, nothing)
        machine.pruned = 5
        assert (machine.wrong(), machine.export() == clean) == ([], True), fuse.passed[-1]
    machine.close()


@pytest.mark.parametrize("source", ["wire.example", None])
def test_a_killed_item_stays_killed_when_its_kill_is_old(database_url: str, tmp_path: Path, source: str | None) -> None:
    wire, _, edit, _ = family(3)
    wire |= {"source": source}
    kill = wire | {"status": "cancelled", "title": "Kill", "text": "Kill the report, please: it was never so."}
    fresh = edit | {"published_at": "2026-04-08T10:00:00Z"}
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [wire, kill, fresh, *family(2)]))
        ingest(pipe, write_jsonl(tmp_path / "newest.jsonl", [NEWEST]))
        before = rows(engine, "SELECT * FROM story_members WHERE withdrawn")
        assert len(before) == 3
        assert prune.delete_before(pipe, CUT, nothing).articles == 4
        assert rows(engine, "SELECT * FROM story_members WHERE withdrawn") == before
        assert prune.delete_before(pipe, datetime(2026, 5, 1, tzinfo=UTC), nothing).articles == 3
        assert count(engine, "articles") == 1


def test_what_has_no_date_goes_by_when_it_was_received(database_url: str, tmp_path: Path) -> None:
    undated = records([1])[0] | {"published_at": None}
    impossible = records([2])[0] | {"published_at": "2999-01-01T00:00:00Z"}
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [undated, impossible]))
        assert prune.delete_before(pipe, CUT, nothing) == Pruned()
        assert prune.forget_before(engine, CUT, nothing) == Pruned()
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", [NEWEST | {"published_at": "2999-01-01T00:00:00Z"}]))
        keys = len(posted(engine))
        later = datetime(2998, 1, 1, tzinfo=UTC)
        dry = prune.count_before(engine, later, deleting=False)
        assert dry.postings == keys
        assert prune.delete_before(pipe, later, nothing).articles >= 2


def test_pruning_beside_workers_harms_neither(postgres_url: str, tmp_path: Path) -> None:
    told = [record for number in range(4) for record in family(number)] + records(range(200, 240))
    files = [
        write_jsonl(tmp_path / f"{turn}-{n}.jsonl", told[n::3]) for turn in range(4) for n in range(3)
    ]  # the same articles again and again
    with opened(postgres_url) as (engine, pipe):
        failures: list[BaseException] = []
        ended = threading.Event()

        def work(own: list[Path]) -> None:
            try:
                for file in own:
                    (outcome,) = ingest(pipe, file)
                    assert outcome.state == "done", outcome.error
                    assert outcome.received == outcome.new + outcome.duplicate
            except BaseException as error:
                failures.append(error)

        def clear() -> None:
            try:
                while not ended.is_set():
                    prune.forget_before(engine, CUT, nothing)
                    prune.delete_before(pipe, CUT, nothing)
            except BaseException as error:
                failures.append(error)

        workers = [threading.Thread(target=work, args=(files[n::3],)) for n in range(3)]
        pruner = threading.Thread(target=clear)
        for thread in (*workers, pruner):
            thread.start()
        for thread in workers:
            thread.join()
        ended.set()
        pruner.join()
        assert not failures
        prune.delete_before(pipe, CUT, nothing)
        for table in ("articles", "texts", "stories", "matches", "posting_runs"):
            assert count(engine, table) == 0, table
        assert look(engine, all_entered) == []


@pytest.mark.parametrize(
    ("age", "day"), [("1d", "2026-06-29"), ("90d", "2026-04-01"), ("2w", "2026-06-16"), ("30000w", "1451-06-14")]
)
def test_an_age_counts_back_whole_days(age: str, day: str) -> None:
    now = datetime(2026, 6, 30, 13, 5, tzinfo=UTC)
    if day < "1600":
        with pytest.raises(NewsfoldError):
            cut_off(age, now)
    else:
        assert cut_off(age, now) == datetime.fromisoformat(f"{day}T00:00:00Z")


@pytest.mark.parametrize("age", ["", "d", "0d", "-1d", "90", "1.5d", "90 d", "90days", "x"])
def test_an_age_that_is_none_is_refused(age: str) -> None:
    with pytest.raises(NewsfoldError, match="--older-than"):
        cut_off(age, datetime(2026, 6, 30, tzinfo=UTC))


def test_the_command_says_what_went(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(sqlite_url) as (_, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", family(3)))
        ingest(pipe, write_jsonl(tmp_path / "newest.jsonl", [NEWEST | {"published_at": None}]))
    monkeypatch.setenv("NEWSFOLD_DATABASE_URL", sqlite_url)
    asked = ["prune", "--older-than", "1d", "--delete", "--json"]
    said = [
        orjson.loads(CliRunner().invoke(cli, command, catch_exceptions=False).stdout)
        for command in ([*asked, "--dry-run"], asked, asked)
    ]
    assert [one["articles"] for one in said] == [4, 4, 0]
    assert [one["dry_run"] for one in said] == [True, False, False]
    plain = CliRunner().invoke(cli, ["prune", "--older-than", "1d"], catch_exceptions=False)
    assert (plain.exit_code, plain.stdout.startswith("0 keys of texts")) == (0, True)
