"""The benchmarks of speed: what they report is what was measured, and a run that is cut short goes on where it was."""

from pathlib import Path

import numpy as np
import orjson
import pytest
from sqlalchemy import text

from benchmarks import bench, material
from benchmarks.batch import Contender, Figures
from benchmarks.growth import Log
from benchmarks.material import Material
from benchmarks.measure import FailedError, timed
from benchmarks.recall import judge
from benchmarks.scale import Cost, Spectrum, fitted, measured, write
from benchmarks.sizes import sizes
from benchmarks.speed_table import lines
from models.engine import reading
from tests.conduct import ingest, opened, report, write_jsonl


def label(key: str, family: str, relation: str = "original", parent: str | None = None) -> dict[str, str | None]:
    return {"key": key, "family": family, "relation": relation, "parent": parent}


def turn(row: str, who: str, seconds: float, **figures: object) -> Figures:
    return {"row": row, "who": who, "articles": 100, "seconds": seconds, "cpu": seconds, "pss": 5e6, **figures}


def test_recall_counts_copies_beside_their_original_and_strangers_in_one_cluster() -> None:
    labels = [label("a", "a"), label("b", "a", "exact", "a"), label("c", "a", "exact", "a"), label("d", "d")]
    assert judge(labels, [1, 1, 2, 2]) == {"all": 0.5, "exact": 0.5, "strangers": 0.5}


def test_the_corpus_of_a_run_is_the_same_in_one_file_and_in_two(tmp_path: Path) -> None:
    made = material.prepare(tmp_path, 120, seed=3)
    whole = made.corpus.read_bytes()
    assert whole == b"".join(part.read_bytes() for part in sorted(made.halves.iterdir()))
    assert len(whole.splitlines()) == len(made.labels()) == 120
    assert [r["id"] for r in made.labels()] == [orjson.loads(line)["id"] for line in whole.splitlines()]
    assert len(made.later.read_bytes().splitlines()) == material.STREAMED


def test_a_corpus_is_written_once(tmp_path: Path) -> None:
    first = material.prepare(tmp_path, 20, seed=3)
    written = first.corpus.stat().st_mtime_ns
    assert material.prepare(tmp_path, 20, seed=3).corpus.stat().st_mtime_ns == written


def test_a_run_that_was_cut_short_takes_only_the_turns_that_are_left(tmp_path: Path) -> None:
    taken = []

    def run(corpus: Material, work: Path) -> Figures:
        taken.append(work)
        if len(taken) == 2:
            raise KeyboardInterrupt
        return {"articles": 1, "seconds": 1.0}

    corpus, contenders = Material(tmp_path, 1), [Contender("batch", "one", run), Contender("batch", "two", run)]
    with pytest.raises(KeyboardInterrupt):
        bench.run(corpus, 2, contenders, bench.Results(tmp_path / "run.jsonl"))
    results = bench.Results(tmp_path / "run.jsonl")
    bench.run(corpus, 2, contenders, results)
    assert [(entry["who"], entry["round"]) for entry in results.entries] == [
        ("one", 0), ("two", 0), ("one", 1), ("two", 1),
    ]  # fmt: skip
    assert len(taken) == 5
    assert not any(work.exists() for work in taken)


def test_a_row_that_is_complete_is_taken_anew_and_the_others_are_kept(tmp_path: Path) -> None:
    results = bench.Results(tmp_path / "run.jsonl")
    for row in ("sketch", "batch"):
        results.add({"row": row, "who": "one", "round": 0})
    assert [entry["row"] for entry in results.close({"sketch"})] == ["sketch"]
    left = bench.Results(tmp_path / "run.jsonl")
    assert left.has("batch", "one", 0)
    assert not left.has("sketch", "one", 0)


def test_a_contender_that_fails_is_told_and_keeps_no_other_from_its_turn(tmp_path: Path) -> None:
    def fail(corpus: Material, work: Path) -> Figures:
        raise FailedError("no such thing here")

    results = bench.Results(tmp_path / "run.jsonl")
    contenders = [
        Contender("batch", "one", fail),
        Contender("batch", "two", lambda corpus, work: turn("batch", "two", 2.0)),
    ]
    bench.run(Material(tmp_path, 1), 1, contenders, results)
    (_, _, first, *_), (_, _, second, *_) = lines(results.entries)
    assert (first, second) == ("failed", "50")


def test_the_table_shows_medians_and_how_many_times_as_fast_the_first_of_the_row_is() -> None:
    entries = [turn("batch", "newsfold", s) for s in (1.0, 2.0, 9.0)] + [turn("batch", "peer", 4.0, syndicated=0.5)]
    own, peer = lines(entries)
    assert own[1:4] == ("newsfold", "50", "1.00 ×")
    assert peer[1:7] == ("peer", "25", "2.00 ×", "4.00", "5", "0.500")


def test_a_command_is_measured_with_all_it_starts(tmp_path: Path) -> None:
    burn = "import sys, subprocess; subprocess.run([sys.executable, '-c', 'sum(range(6_000_000))'])"
    usage, answer = timed(["python3", "-c", f"{burn}; print('done')"], {}, tmp_path / "log")
    assert answer == b"done\n"
    assert usage.cpu > 0.05
    assert usage.seconds > 0


def test_a_command_that_fails_says_why(tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="nothing to do"):
        timed(["python3", "-c", "import sys; sys.exit('nothing to do')"], {}, tmp_path / "log")


def test_bytes_on_disk_add_up_and_tell_the_index_from_the_texts(database_url: str, tmp_path: Path) -> None:
    with opened(database_url) as (engine, pipeline):
        ingest(pipeline, write_jsonl(tmp_path / "a.jsonl", [{"id": str(i), "text": report(i)} for i in range(60)]))
        with reading(engine) as connection:
            found = sizes(connection)
            words = connection.execute(text("select sum(length(words)) from bodies")).scalar_one()
    assert found["total"] == sum(size for name, size in found.items() if name != "total")
    assert words == pytest.approx(found["fingerprints"], rel=0.15)
    assert found["index"] > 60 * 50 * 8
    assert found["stored"] > 60 * 900


def test_growth_goes_on_where_its_log_ends(tmp_path: Path) -> None:
    log = Log(tmp_path / "growth.jsonl")
    assert log.reached() == 0
    log.add({"kind": "part", "until": 5_000})
    log.add({"kind": "mark", "until": 5_200})
    assert Log(tmp_path / "growth.jsonl").reached() == 5_200


def test_tables_go_between_their_marks_and_replace_what_was_there(tmp_path: Path) -> None:
    document = tmp_path / "scale.md"
    document.write_text("Before.\n<!-- one:begin -->\nold\n<!-- one:end -->\nAfter.\n")
    for section in ("first", "second"):
        write(document, {"one": section})
    assert document.read_text() == "Before.\n<!-- one:begin -->\nsecond\n<!-- one:end -->\nAfter.\n"


def test_the_growth_table_compares_the_last_tenth_with_the_first() -> None:
    part = {"kind": "part", "articles": 10, "candidates": 5, "pss": 1e6}
    size = {"index": 10, "fingerprints": 10, "total": 100}
    mark = {"kind": "mark", "until": 20, "bytes": size, "median_ms": 1.0, "p99_ms": 2.0}
    told = measured([{**part, "seconds": 1.0, "cpu": 1.0}, {**part, "seconds": 4.0, "cpu": 2.0}, mark])
    assert "| 20 | 4 | 150.00 | 0.5 | 1 |" in told
    assert "0.25 × as fast as the first by the clock, 0.50 × by processor time" in told


def test_a_key_that_every_article_has_costs_a_cell_and_no_more() -> None:
    everywhere = Spectrum(1_000, 1.0, np.full(1_000, 1_000))
    assert everywhere.postings(50) == 50
    assert everywhere.postings(10**6) == everywhere.postings(10**8) < 200


def test_the_cost_of_a_posting_is_found_again() -> None:
    found = Spectrum(1_000, 10.0, np.repeat([1, 10, 100], 1_000))
    cost = Cost(2.0, 0.01)
    parts = [
        {"until": n, "articles": 1.0, "cpu": cost.at(found.postings(n)) / 1e3} for n in (100, 1_000, 10_000, 100_000)
    ]
    again = fitted(parts, found)
    assert (again.fixed, again.each) == (pytest.approx(2.0), pytest.approx(0.01))
