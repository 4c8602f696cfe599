"""`newsfold ingest` on several cores gives what it gives on one."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conduct import exported, opened, records, rows, write_jsonl
from tests.test_pipeline import family
from worker import hands
from worker.commands import ingest as command


def files(folder: Path) -> Path:
    """A big file, and thirty small ones of which some belong together."""
    folder.mkdir()
    write_jsonl(folder / "big.jsonl", [*records(range(700)), *family(1), *family(2)])
    for number, record in enumerate([record for n in range(1, 7) for record in family(n)]):
        (folder / f"{number}.json").write_text(json.dumps(record))
    (folder / "none.json").touch()
    return folder


@pytest.mark.parametrize("processes", [1, 2])
def test_as_many_processes_as_there_are_cores_give_one_result(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any, processes: int
) -> None:
    monkeypatch.setattr(hands.Hands, "available", lambda _engine: processes)
    monkeypatch.setattr(command, "GROUP", 9)
    folder = files(tmp_path / "files")
    with opened(sqlite_url) as (engine, _):
        assert command.run(engine, [folder], json_=True) == 1
        said = json.loads(capsys.readouterr().out)
        assert [failed["path"] for failed in said["failed"]] == [str(folder / "none.json")]
        assert said["received"] == said["new"] + said["duplicate"]
        assert said["new"] == rows(engine, "SELECT count(*) AS n FROM articles")[0]["n"]
        assert rows(engine, "SELECT * FROM parts") == []
        EXPORTS.add(exported(engine))
        assert len(EXPORTS) == 1


EXPORTS: set[bytes] = set()
