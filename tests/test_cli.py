"""The command line: exit codes that mean something, one line for people, JSON for programs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conduct import records, write_jsonl
from tests.test_pipeline import family

COMMAND = Path(sys.executable).with_name("newsfold")


@pytest.fixture
def newsfold(sqlite_url: str, tmp_path: Path) -> Any:
    """Run the command in an environment of its own."""

    def call(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("NEWSFOLD_")}
        environment |= {"NEWSFOLD_DATABASE_URL": sqlite_url, "NEWSFOLD_INBOX": str(tmp_path / "inbox"), **settings}
        return subprocess.run(
            [COMMAND, *map(str, arguments)], env=environment, capture_output=True, text=True, timeout=120
        )

    return call


def test_ingest_and_read(newsfold: Any, tmp_path: Path) -> None:
    """One database through all read commands, for people and for programs."""
    feed = write_jsonl(tmp_path / "feed.jsonl", [*family(1), *records([7])])
    said = newsfold("ingest", feed)
    assert (said.returncode, said.stderr) == (0, "")
    assert said.stdout == "1 files, 5 records: 5 new, 0 known already, 0 rejected; 0 files failed\n"

    (first, second) = json.loads(newsfold("stories", "--members", "--json").stdout)
    assert sorted([first["article_count"], second["article_count"]]) == [1, 4]
    big = max(first, second, key=lambda story: story["article_count"])
    assert big["members"][0]["relation"] == "canonical"

    story = json.loads(newsfold("story", big["story_id"], "--json").stdout)
    assert story["articles"][0]["external_id"] == "wire1"
    assert story["evidence"][0]["reasons"]
    assert newsfold("story", 999).returncode == 1
    shown = newsfold("story", big["story_id"], "--why").stdout
    assert "Report 1" in shown
    assert "shared words" in shown

    found = json.loads(newsfold("search", "quartz1", "--json").stdout)
    assert [row["story_id"] for row in found] == [big["story_id"]]
    (delivery,) = json.loads(newsfold("deliveries", "--json").stdout)
    assert (delivery["state"], delivery["received"], delivery["new"]) == ("done", 5, 5)
    assert newsfold("deliveries", "--failed", "--json").stdout.strip() == "[]"
    assert newsfold("rebuild").returncode == 0
    assert len(newsfold("export").stdout.splitlines()) == 2


def test_a_failed_file_is_named_with_its_reason_and_the_exit_code_is_1(newsfold: Any, tmp_path: Path) -> None:
    write_jsonl(tmp_path / "good.jsonl", records([1]))
    (tmp_path / "empty.json").touch()
    said = newsfold("ingest", tmp_path / "good.jsonl", tmp_path / "empty.json")
    assert said.returncode == 1
    assert "empty.json: " in said.stderr
    assert "empty file" in said.stderr
    report = json.loads(newsfold("ingest", tmp_path / "empty.json", "--json").stdout)
    assert report["failed"][0]["error"]


@pytest.mark.parametrize(
    "arguments", [("ingest",), ("ingest", "/no/such/file"), ("stories", "--limit", "none"), ("nonsense",)]
)
def test_wrong_usage_is_exit_code_2(newsfold: Any, arguments: tuple[str, ...]) -> None:
    assert newsfold(*arguments).returncode == 2


def test_reading_before_there_is_a_database_says_what_to_do(newsfold: Any) -> None:
    said = newsfold("stories")
    assert said.returncode == 2
    assert said.stderr.startswith("newsfold: ")
    assert "Traceback" not in said.stderr


@pytest.mark.parametrize("words", ['"', "a AND", "NEAR(", "*", "col:x", "-", "'; DROP TABLE texts", "((", "\\"])
def test_the_search_box_has_no_query_language_that_could_fail(newsfold: Any, tmp_path: Path, words: str) -> None:
    newsfold("ingest", write_jsonl(tmp_path / "feed.jsonl", records([1])))
    said = newsfold("search", "--", words)
    assert (said.returncode, said.stderr) == (0, "")


def test_commands_that_need_a_broker_say_so(newsfold: Any) -> None:
    for command in ("watch", "worker"):
        said = newsfold(command)
        assert said.returncode == 2
        assert "NEWSFOLD_BROKER_URL" in said.stderr


def test_settings_that_cannot_work_are_refused_without_repeating_secrets(newsfold: Any) -> None:
    said = newsfold("stories", NEWSFOLD_DATABASE_URL="mysql://me:hunter2@host/db")
    assert said.returncode == 2
    assert "hunter2" not in said.stderr


def test_parse_shows_a_file_without_storing_it_and_formats_lists_what_can_be_read(
    newsfold: Any, tmp_path: Path
) -> None:
    feed = write_jsonl(tmp_path / "feed.jsonl", records([1, 2]))
    assert newsfold("parse", feed).stdout.count("Report") >= 2
    assert len(newsfold("parse", feed, "--json").stdout.splitlines()) == 2
    assert newsfold("stories").returncode == 2
    names = [row["name"] for row in json.loads(newsfold("formats", "--json").stdout)]
    assert "jsonl" in names


def test_retry_puts_failed_files_back(newsfold: Any, tmp_path: Path) -> None:
    failed = tmp_path / "inbox" / "failed" / "wire"
    failed.mkdir(parents=True)
    (failed / "a.json").write_text("{}")
    (failed / "a.json.error.json").write_text("{}")
    assert newsfold("retry").returncode == 0
    assert (tmp_path / "inbox" / "incoming" / "wire" / "a.json").exists()
    assert not (failed / "a.json.error.json").exists()
