"""From files to stories, on both databases: nothing lost, nothing twice, same set, same stories."""

import ctypes
import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from models.engine import reading
from models.tables import HalvedCell
from tests.conduct import edited, exported, ingest, miscounted, opened, partition, records, report, rows, write_jsonl
from worker import linking, pipeline, store
from worker.core import cells
from worker.pipeline import IndexVersionError, Pipeline, describe
from worker.prune import forget_before


def family(number: int) -> list[dict[str, Any]]:
    """A report, an exact copy (its headline in capitals), a light edit and a cut of it, by other outlets and later."""
    body = report(number, 200)
    half = body.split()[: len(body.split()) // 2]
    told = [("wire", body), ("copy", body), ("edit", edited(body, 40, f"quartz{number}")), ("cut", " ".join(half))]
    return [
        {
            "id": f"{name}{number}",
            "title": {"cut": f"Cut of report {number}", "copy": f"REPORT {number}"}.get(name, f"Report {number}"),
            "text": text,
            "source": f"{name} desk",
            "published_at": f"2026-04-{number % 28 + 1:02}T{10 + hour}:00:00Z",
        }
        for hour, (name, text) in enumerate(told)
    ]


def serial() -> list[dict[str, Any]]:
    """Ten pairs, the two told ten days apart, and one passage that stands in all twenty."""
    return [
        {
            "id": f"serial{day}",
            "title": f"Day {day} of the report",
            "text": f"{report(300 + day % 10, 80)}\n{report(50, 80)}",
            "source": f"desk {day}",
            "published_at": f"2026-04-{day + 1:02}T10:00:00Z",
        }
        for day in range(20)
    ]


def corpus() -> list[dict[str, Any]]:
    """Families and lone reports."""
    return [record for number in range(12) for record in family(number)] + records(range(100, 130))


def test_every_article_is_in_exactly_one_story_and_the_ledger_adds_up(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        outcomes = ingest(pipe, write_jsonl(tmp_path / "all.jsonl", corpus()))
        assert [one.state for one in outcomes] == ["done"]
        assert sorted(row["external_id"] for row in rows(engine, "SELECT external_id FROM story_members")) == sorted(
            record["id"] for record in corpus()
        )
        (ledger,) = rows(engine, "SELECT * FROM deliveries")
        assert (ledger["received"], ledger["new"], ledger["duplicate"], ledger["rejected"]) == (78, 78, 0, 0)
        families = {frozenset(record["id"] for record in family(number)) for number in range(12)}
        assert families <= partition(engine)
        assert len(partition(engine)) == 12 + 30


def test_a_story_is_led_by_its_earliest_article_and_says_how_the_others_are_related(
    database_url: str, tmp_path: Path
) -> None:
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", reversed(family(3))))
        relations = {
            row["external_id"]: (row["relation"], row["containment"])
            for row in rows(engine, "SELECT external_id, relation, containment FROM story_members")
        }
        assert relations["wire3"] == ("canonical", 1.0)
        assert relations["copy3"] == ("exact", 1.0)
        assert relations["edit3"][0] == "near"
        assert relations["cut3"][0] == "syndicated"
        assert relations["cut3"][1] > 0.9
        (summary,) = rows(engine, "SELECT * FROM story_summaries")
        assert (summary["article_count"], summary["source_count"], summary["headline"]) == (4, 4, "Report 3")


def test_ingesting_twice_changes_nothing(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        file = write_jsonl(tmp_path / "all.jsonl", corpus())
        ingest(pipe, file)
        before = exported(engine), rows(engine, "SELECT * FROM deliveries"), rows(engine, "SELECT * FROM stories")
        ingest(pipe, file)
        after = exported(engine), rows(engine, "SELECT * FROM deliveries"), rows(engine, "SELECT * FROM stories")
        assert before == after


def test_the_same_articles_in_another_file_are_duplicates(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", corpus()[:20]))
        before = exported(engine)
        (again,) = ingest(pipe, write_jsonl(tmp_path / "b.jsonl", corpus()[5:20]))
        assert (again.received, again.new, again.duplicate) == (15, 0, 15)
        assert exported(engine) == before


def test_any_order_in_any_portions_on_either_database_gives_one_export(
    sqlite_url: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    exports = set()
    for run in range(6):
        shuffled = corpus()
        random.Random(run).shuffle(shuffled)
        monkeypatch.setattr(pipeline, "CHUNK", (256, 7, 1, 30, 3, 64)[run])
        url = postgres_url if run == 5 else sqlite_url.replace("newsfold.db", f"{run}.db")
        with opened(url) as (engine, pipe):
            half = len(shuffled) // 2
            ingest(pipe, write_jsonl(tmp_path / "a.jsonl", shuffled[:half]))
            ingest(pipe, write_jsonl(tmp_path / "b.jsonl", shuffled[half:]))
            exports.add(exported(engine))
    assert len(exports) == 1


@pytest.mark.parametrize("size", [1, 2])
def test_halved_cells_of_common_keys_leave_no_trace_of_the_order(
    sqlite_url: str, postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """With tiny cells nearly every key is common, and many a match has to be taken back. Those that are left count what
    their keys lead along in the end, however many cells were halved at a time."""
    monkeypatch.setattr(cells, "CELL", size)
    monkeypatch.setattr(cells, "RARE", (size + 1) // 2)
    exports = set()
    for run in range(4):
        shuffled = corpus() + serial()
        random.Random(run).shuffle(shuffled)
        monkeypatch.setattr(pipeline, "CHUNK", (256, 1, 17, 5)[run])
        url = postgres_url if run == 3 else sqlite_url.replace("newsfold.db", f"{run}.db")
        with opened(url) as (engine, pipe):
            ingest(pipe, write_jsonl(tmp_path / "a.jsonl", shuffled))
            exports.add(exported(engine))
            with reading(engine) as connection:
                assert connection.scalar(select(func.count()).select_from(HalvedCell))
                assert miscounted(connection) == []
    assert len(exports) == 1


def test_what_a_flood_of_articles_ends_with_ties_none_of_them(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "CELL", 4)
    monkeypatch.setattr(cells, "RARE", 2)
    footer = report(999, 100)
    flood = [{**record, "text": f"{record['text']} {footer}"} for record in records(range(200, 230))]
    for run, told in enumerate((flood, flood[::-1])):
        with opened(sqlite_url.replace("newsfold.db", f"{run}.db")) as (engine, pipe):
            ingest(pipe, write_jsonl(tmp_path / "flood.jsonl", told))
            assert {len(story) for story in partition(engine)} == {1}


def test_workers_that_halve_each_others_cells_end_with_the_same_stories(
    postgres_url: str, sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "CELL", 2)
    monkeypatch.setattr(cells, "RARE", 1)
    monkeypatch.setattr(pipeline, "CHUNK", 4)
    with opened(sqlite_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", corpus() + serial()))
        alone = exported(engine)
    with opened(postgres_url) as (engine, pipe):
        files = [write_jsonl(tmp_path / f"{part}.jsonl", (corpus() + serial())[part::4]) for part in range(4)]
        with ThreadPoolExecutor(4) as workers:
            assert all(outcomes for outcomes in workers.map(lambda file: ingest(pipe, file), files))
        assert exported(engine) == alone
        with reading(engine) as connection:
            assert miscounted(connection) == []


@pytest.mark.parametrize("size", [1, 2, 128])
def test_what_another_worker_does_between_any_two_transactions_leaves_no_trace(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Before every transaction of linking another article comes in and is linked: the stories are the same."""
    monkeypatch.setattr(cells, "CELL", size)
    monkeypatch.setattr(cells, "RARE", min(size, cells.RARE))
    monkeypatch.setattr(pipeline, "CHUNK", 8)
    records = corpus() + serial()
    with opened(f"sqlite:///{tmp_path / 'alone.db'}") as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", records))
        alone = exported(engine)
    with opened(database_url) as (engine, pipe):
        others = [write_jsonl(tmp_path / f"other-{at}.jsonl", [one]) for at, one in enumerate(records[1::2])]
        busy = False

        def meanwhile(original: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal busy
                if others and not busy:
                    busy = True
                    ingest(pipe, others.pop(0))
                    busy = False
                return original(*args, **kwargs)

            return call

        with monkeypatch.context() as patch:
            for name in ("transact", "look"):
                patch.setattr(linking, name, meanwhile(getattr(linking, name)))
            ingest(pipe, write_jsonl(tmp_path / "mine.jsonl", records[::2]))
        for file in others:
            ingest(pipe, file)
        assert exported(engine) == alone
        with reading(engine) as connection:
            assert miscounted(connection) == []


def test_what_is_pruned_before_its_cells_are_halved_is_planned_anew(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan that counts on halved cells is not applied to whole ones: it would leave out what these lead to."""
    monkeypatch.setattr(cells, "CELL", 2)
    monkeypatch.setattr(cells, "RARE", 1)
    plans = []
    with opened(database_url) as (engine, pipe):
        original = linking.transact

        def pruned_first(where: Any, work: Any, **kwargs: Any) -> Any:
            if getattr(work, "func", None) is linking._halve:
                plans.append(work.keywords["plan"].overfull)
                if len(plans) == 1:
                    forget_before(engine, datetime(2027, 1, 1, tzinfo=UTC), lambda *_: None)
            return original(where, work, **kwargs)

        monkeypatch.setattr(linking, "transact", pruned_first)
        ingest(pipe, write_jsonl(tmp_path / "pruned.jsonl", corpus()[:20]))
        assert len(plans) == 1
        assert plans[0]
        assert rows(engine, "SELECT * FROM halved_cells") == []
        assert rows(engine, "SELECT id FROM texts WHERE NOT linked") == []
        assert {len(story) for story in partition(engine)} <= {1, 2}  # of what is in no index, exact copies alone


def test_an_earlier_appearance_that_comes_in_between_reading_and_writing_is_not_overlooked(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Linked by what was read before, the edited copy would lead the story; by then the wire is known to be earlier."""
    wire, copy, edit, _ = family(3)
    late = wire | {"published_at": "2026-04-04T15:00:00Z"}
    early = copy | {"published_at": "2026-04-04T01:00:00Z"}
    with opened(f"sqlite:///{tmp_path / 'alone.db'}") as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", [early, late, edit]))
        alone = exported(engine)
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "late.jsonl", [late]))
        between = [write_jsonl(tmp_path / "early.jsonl", [early])]
        original = linking._applied

        def applied(*args: Any) -> Any:
            if between:
                ingest(pipe, between.pop())
            return original(*args)

        monkeypatch.setattr(linking, "_applied", applied)
        ingest(pipe, write_jsonl(tmp_path / "edit.jsonl", [edit]))
        assert exported(engine) == alone


class PlugPulledError(Exception):
    """Stands for the death of the process."""


@pytest.mark.parametrize("death", range(6))
def test_dying_at_any_transaction_and_starting_again_loses_and_doubles_nothing(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, death: int
) -> None:
    monkeypatch.setattr(pipeline, "CHUNK", 16)
    file = write_jsonl(tmp_path / "all.jsonl", corpus()[24:60])
    with opened(f"sqlite:///{tmp_path / 'clean.db'}") as (engine, pipe):
        ingest(pipe, file)
        clean = exported(engine)
    left = death

    def fused(original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                raise PlugPulledError
            return original(*args, **kwargs)

        return call

    with opened(database_url) as (engine, pipe):
        with monkeypatch.context() as patch:
            for module in (linking, pipeline):
                patch.setattr(module, "transact", fused(module.transact))
            drop = describe(file, file.name, None)
            with pytest.raises(PlugPulledError):
                list(pipe.ingest([drop]))
        (outcome,) = list(Pipeline.open(engine).ingest([drop]))
        assert (outcome.state, outcome.received, outcome.new, outcome.duplicate) == ("done", 36, 36, 0)
        assert exported(engine) == clean


def test_twins_that_arrive_together_at_many_workers_all_find_each_other(database_url: str, tmp_path: Path) -> None:
    body = report(1, 220)
    told = [
        {
            "id": f"t{n}",
            "title": "Report 1",
            "text": edited(body, 50, f"word{n}"),
            "published_at": "2026-04-01T10:00:00Z",
        }
        for n in range(48)
    ]
    files = [write_jsonl(tmp_path / f"{n}.jsonl", told[n::8]) for n in range(8)]
    with opened(database_url) as (engine, pipe):
        failures: list[BaseException] = []

        def work(file: Path) -> None:
            try:
                ingest(pipe, file)
            except BaseException as error:
                failures.append(error)

        threads = [threading.Thread(target=work, args=(file,)) for file in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures
        assert len(partition(engine)) == 1
        assert rows(engine, "SELECT count(*) AS n FROM texts WHERE NOT linked") == [{"n": 0}]
        concurrent = exported(engine)
    with opened(f"sqlite:///{tmp_path / 'serial.db'}") as (engine, pipe):
        ingest(pipe, *files)
        assert exported(engine) == concurrent


def test_a_late_original_takes_over_and_the_story_keeps_its_public_id(database_url: str, tmp_path: Path) -> None:
    wire, *others = family(5)
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "others.jsonl", others[1:]))
        (before,) = rows(engine, "SELECT id FROM stories")
        ingest(pipe, write_jsonl(tmp_path / "wire.jsonl", [wire]))
        (after,) = rows(engine, "SELECT id FROM stories")
        assert before == after
        canonical = rows(engine, "SELECT external_id, article_id FROM story_members WHERE relation = 'canonical'")
        assert [row["external_id"] for row in canonical] == [wire["id"]]
        (change,) = rows(engine, "SELECT story_id, change, article_id FROM story_history")
        assert change == {"story_id": after["id"], "change": "canonical", "article_id": canonical[0]["article_id"]}


def test_a_merged_storys_id_leads_to_the_story_it_became_part_of(database_url: str, tmp_path: Path) -> None:
    body = report(9, 240).split()
    parts = [" ".join(body[:131]), " ".join(body[111:])]  # each more than half of it
    told = [
        {"id": f"p{n}", "title": f"Report 9, part {n}", "text": part, "published_at": f"2026-04-0{n + 2}T10:00:00Z"}
        for n, part in enumerate(parts)
    ]
    whole = {"id": "whole", "title": "Report 9", "text": " ".join(body), "published_at": "2026-04-01T10:00:00Z"}
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "parts.jsonl", told))
        ids = {row["id"] for row in rows(engine, "SELECT id FROM stories")}
        assert len(ids) == 2
        ingest(pipe, write_jsonl(tmp_path / "whole.jsonl", [whole]))
        (left,) = rows(engine, "SELECT id FROM stories")
        (redirect,) = rows(engine, "SELECT old_id, new_id FROM story_redirects")
        assert {redirect["old_id"], redirect["new_id"]} == ids
        assert redirect["new_id"] == left["id"]
        changes = {row["change"] for row in rows(engine, "SELECT change FROM story_history")}
        assert changes == {"merged", "canonical"}


@pytest.mark.parametrize("source", ["wire.example", None])
def test_a_new_version_of_an_item_is_a_revision_and_history_says_so(
    database_url: str, tmp_path: Path, source: str | None
) -> None:
    wire = family(8)[0] | {"source": source}
    version = wire | {"text": edited(wire["text"], 60, "quartz"), "published_at": "2026-04-09T12:00:00Z"}
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "first.jsonl", [wire]))
        ingest(pipe, write_jsonl(tmp_path / "second.jsonl", [version]))
        told = rows(engine, "SELECT relation, article_id FROM story_members ORDER BY published_at")
        assert [row["relation"] for row in told] == ["canonical", "revision"]
        (change,) = rows(engine, "SELECT change, article_id, previous_article_id FROM story_history")
        assert change == {
            "change": "revision", "article_id": told[1]["article_id"], "previous_article_id": told[0]["article_id"],
        }  # fmt: skip


def test_a_broken_line_costs_that_line_and_no_other(database_url: str, tmp_path: Path) -> None:
    good = [json.dumps(record) for record in records(range(4))]
    file = tmp_path / "mixed.jsonl"
    file.write_text("\n".join([*good[:2], '{"id": "broken", "text": "no end', *good[2:], '{"id": "empty"}']) + "\n")
    with opened(database_url) as (engine, pipe):
        (outcome,) = ingest(pipe, file)
        assert (outcome.state, outcome.received, outcome.new, outcome.rejected) == ("done", 6, 4, 2)
        reasons = rows(engine, "SELECT position, reason FROM rejections ORDER BY record")
        assert [reason["position"] for reason in reasons] == ["line 3", "line 6"]
        assert all(reason["reason"] for reason in reasons)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.json", b""),
        ("junk.bin", bytes(range(256)) * 40),
        ("no-text.json", b'{"id": 1, "title": "Only a title"}'),
    ],
)
def test_a_bad_file_fails_with_its_reason_and_harms_no_other(
    database_url: str, tmp_path: Path, name: str, content: bytes
) -> None:
    (tmp_path / name).write_bytes(content)
    good = write_jsonl(tmp_path / "good.jsonl", records(range(3)))
    with opened(database_url) as (engine, pipe):
        outcomes = ingest(pipe, good, tmp_path / name)
        assert [one.state for one in outcomes] == ["done", "failed"]
        assert outcomes[1].error
        assert len(partition(engine)) == 3


def test_a_file_that_kills_its_worker_goes_to_quarantine_after_three_attempts(
    database_url: str, tmp_path: Path
) -> None:
    file = write_jsonl(tmp_path / "deadly.jsonl", records([1]))
    drop = describe(file, file.name, None, claim="batch/deadly.jsonl")
    with opened(database_url) as (engine, pipe):
        for _ in range(3):
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(pipeline, "records", dies)
                with pytest.raises(KeyboardInterrupt):
                    list(pipe.ingest([drop]))
        (outcome,) = list(pipe.ingest([drop]))
        assert outcome.state == "failed"
        assert "3 attempts" in (outcome.error or "")
        assert partition(engine) == set()


def dies(*_: object) -> Any:
    """Stand for a death that no `except Exception` sees."""
    raise KeyboardInterrupt


def test_a_file_that_will_not_store_takes_no_other_down(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [write_jsonl(tmp_path / f"{n}.jsonl", records([n])) for n in range(5)]
    original = store.add

    def refuses(connection: Any, batch: Any) -> Any:
        if any(one.prepared.article.external_id == "r2" for one in batch):
            raise ValueError("this one I do not like")
        return original(connection, batch)

    monkeypatch.setattr(store, "add", refuses)
    with opened(database_url) as (engine, pipe):
        outcomes = {one.drop.path: one.state for one in ingest(pipe, *files)}
        assert outcomes == {f"{n}.jsonl": "failed" if n == 2 else "done" for n in range(5)}
        assert len(partition(engine)) == 4


def test_an_index_of_another_version_is_refused(database_url: str) -> None:
    with opened(database_url) as (engine, _), pytest.raises(IndexVersionError, match="newsfold rebuild"):
        Pipeline.open(engine, window=7)


def test_a_rebuild_gives_the_same_stories_under_the_same_ids(database_url: str, tmp_path: Path) -> None:
    from worker.rebuild import rebuild

    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "all.jsonl", corpus()))
        ids = "SELECT story_id, external_id FROM story_members ORDER BY external_id"
        before = exported(engine), rows(engine, ids)
        rebuild(engine, lambda *_: None)
        assert (exported(engine), rows(engine, ids)) == before


@pytest.mark.parametrize("source", ["wire.example", None])
def test_versions_of_an_item_are_told_of_each_other_if_they_share_no_word(
    database_url: str, tmp_path: Path, source: str | None
) -> None:
    first, other, third = (one | {"source": source} for one in records([60, 61, 62]))
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "a.jsonl", [first, third]))
        ingest(pipe, write_jsonl(tmp_path / "b.jsonl", [other | {"id": first["id"]}]))
        texts = [row["id"] for row in rows(engine, "SELECT id FROM texts ORDER BY id")]
        with reading(engine) as connection:
            pairs = linking._same_item(connection, texts)
        told = rows(engine, "SELECT text_id FROM articles WHERE external_id = 'r60' ORDER BY text_id")
        assert pairs == {tuple(row["text_id"] for row in told)}


@pytest.mark.parametrize("kill_first", [False, True])
def test_a_kill_withdraws_the_item_and_every_copy_of_it_whenever_it_comes(
    database_url: str, tmp_path: Path, kill_first: bool
) -> None:
    wire, copy, edit, cut = family(4)
    kill = {
        "type": "text", "uri": wire["id"], "source": wire["source"], "pubstatus": "canceled", "versioncreated":
        "2026-04-06T09:00:00Z", "headline": "KILL: Report 4", "body_text": "Editors: please kill this report.",
    }  # fmt: skip
    (tmp_path / "kill.json").write_text(json.dumps(kill))
    files = [write_jsonl(tmp_path / "told.jsonl", [wire, copy, edit, cut, *records([50])]), tmp_path / "kill.json"]
    with opened(database_url) as (engine, pipe):
        for file in reversed(files) if kill_first else files:
            assert [one.state for one in ingest(pipe, file)] == ["done"]
        told = rows(engine, "SELECT external_id, headline FROM story_members WHERE withdrawn")
        assert {row["external_id"] for row in told} == {"wire4", "copy4", "edit4", "cut4"}
        assert rows(engine, "SELECT external_id FROM story_members WHERE NOT withdrawn") == [{"external_id": "r50"}]


def test_an_embargoed_article_is_stored_and_not_shown_before_its_time(database_url: str, tmp_path: Path) -> None:
    item = {
        "type": "text", "headline": "Report 6", "body_text": report(6), "source": "wire",
        "versioncreated": "2026-04-06T09:00:00Z",
    }  # fmt: skip
    for name, until in (("past", "2026-04-07T00:00:00Z"), ("future", "2999-01-01T00:00:00Z")):
        held = item | {"uri": f"urn:{name}", "embargoed": until, "body_text": report(len(name), 90)}
        (tmp_path / f"{name}.json").write_text(json.dumps(held))
    with opened(database_url) as (engine, pipe):
        ingest(pipe, tmp_path / "past.json", tmp_path / "future.json")
        assert rows(engine, "SELECT count(*) AS n FROM articles") == [{"n": 2}]
        assert rows(engine, "SELECT external_id FROM story_members") == [{"external_id": "urn:past"}]
        assert rows(engine, "SELECT article_count FROM story_summaries") == [{"article_count": 1}]


def test_a_rebuild_learns_the_lines_a_source_repeats_and_leaves_them_out_of_matching(
    database_url: str, tmp_path: Path
) -> None:
    from worker.rebuild import rebuild

    footer = " ".join(report(999, 60).replace(".", "").split())
    told = [record | {"source": "Gazette", "text": f"{record['text']}\n{footer}"} for record in records(range(8))]
    with opened(database_url) as (engine, pipe):
        ingest(pipe, write_jsonl(tmp_path / "told.jsonl", told))
        before = rows(engine, "SELECT length(words) AS n FROM bodies ORDER BY text_id")
        rebuild(engine, lambda *_: None)
        after = rows(engine, "SELECT length(words) AS n FROM bodies ORDER BY text_id")
        assert sorted(a["n"] for a in after) == sorted(b["n"] - 4 * len(footer.split()) for b in before)
        assert len(partition(engine)) == 8
        assert all(footer in row["body"] for row in rows(engine, "SELECT body FROM bodies"))
        late = records([20])[0] | {"source": "Gazette", "text": footer + "\n" + report(20)}
        ingest(Pipeline.open(engine), write_jsonl(tmp_path / "late.jsonl", [late]))
        assert len(partition(engine)) == 9


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="another C library than glibc from 2.33 on")
def test_a_large_array_is_given_back_to_the_system() -> None:
    """By itself glibc keeps the second of a size in its heap, among what lives long."""

    class Info(ctypes.Structure):
        _fields_ = [(f"field{number}", ctypes.c_size_t) for number in range(10)]

    pipeline.load()
    information = ctypes.CDLL(None).mallinfo2
    information.restype = Info
    bytearray(2 * pipeline.LARGE)  # freed at once: that is what glibc would learn from
    before = information().field3  # hblks: chunks mapped each by itself
    held = [bytearray(2 * pipeline.LARGE) for _ in range(32)]  # what is free in the heap is used first
    assert information().field3 > before
    del held
