"""Bad input: each kind has its one outcome, on both databases, and harms nothing beside it."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import hostile
from tests.conduct import opened, records, report, rows, write_jsonl
from worker import sandbox
from worker.core.errors import ParseError
from worker.parsing import parse
from worker.pipeline import describe, open_regular
from worker.sandbox import parse_file

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, made once."""
    root = tmp_path_factory.mktemp("bad")
    hostile.make_all(root)
    return root


def test_every_kind_of_bad_input_has_its_one_outcome_and_the_files_beside_it_are_unharmed(
    database_url: str, bad_files: Path
) -> None:
    assert len(hostile.CASES) >= 64
    assert [(one.case.name, one.faults) for one in hostile.run(database_url, bad_files, 1) if one.faults] == []


def test_every_kind_of_bad_input_is_named_once_in_the_documentation() -> None:
    """After a change: `python -m tests.hostile --table`."""
    assert len({(one.family, one.name) for one in hostile.CASES}) == len(hostile.CASES)
    assert hostile.table() in (ROOT / "docs" / "security.md").read_text(encoding="utf-8")


def test_a_source_folder_whose_name_is_no_utf_8_takes_no_batch_down(database_url: str, tmp_path: Path) -> None:
    files = [write_jsonl(tmp_path / f"{n}.jsonl", records([n])) for n in range(2)]
    with opened(database_url) as (engine, pipe):
        drops = [describe(files[0], "0.jsonl", os.fsdecode(b"caf\xe9")), describe(files[1], "1.jsonl", "desk")]
        assert [one.state for one in pipe.ingest(drops)] == ["done", "done"]
        found = rows(engine, "SELECT source FROM articles ORDER BY source")
        assert [row["source"] for row in found] == ["caf\\xe9", "desk"]


def samples() -> Iterator[tuple[str, Path]]:
    """Files of every format there is a sample of: examples and the parsers' own."""
    for folder in (ROOT / "examples", ROOT / "tests" / "parsing" / "data"):
        yield from ((path.name, path) for path in sorted(folder.rglob("*")) if path.is_file())


def test_no_parser_opens_a_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets are refused here, and listened for: nothing calls, whether it runs here or in the parser's process."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.01)
        port = server.getsockname()[1]
        calling = tmp_path / "calling"
        calling.mkdir()
        for number, content in enumerate(callers(port)):
            (calling / f"{number}").write_text(content)
        files = [path for _, path in samples()] + sorted(calling.iterdir())
        sandbox.close()
        found = sum(read(path, parse_file) for path in files)
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "connect", refuse)
            patch.setattr(socket, "getaddrinfo", refuse)
            assert sum(read(path, parse) for path in files) == found > len(files) / 2
        with pytest.raises(TimeoutError):
            server.accept()


def refuse(*_: Any, **__: Any) -> Any:
    """Stand for a network that is not there."""
    raise AssertionError("a parser went for the network")


def read(path: Path, parser: Any) -> int:
    """Read a file to its end, or to where it breaks; return how many records it gave."""
    number = 0
    try:
        with open_regular(path) as stream:
            for _ in parser(stream, path.name):
                number += 1
    except ParseError:
        pass
    return number


def callers(port: int) -> Iterator[str]:
    """Files that ask their reader to fetch something."""
    url = f"http://127.0.0.1:{port}/x"
    nitf = hostile.NITF.format("A headline", f"<p>{report(1)}</p>")
    yield f"<?xml version='1.0'?><!DOCTYPE nitf SYSTEM '{url}'>{nitf}"
    yield f"<?xml version='1.0'?><!DOCTYPE nitf [<!ENTITY % d SYSTEM '{url}'>%d;]>{nitf}"
    yield f"<?xml version='1.0'?><!DOCTYPE nitf [<!ENTITY d SYSTEM '{url}'>]>{nitf.replace('</p>', '&d;</p>')}"
    yield f"<?xml version='1.0'?><?xml-stylesheet href='{url}'?>{nitf}"
    yield nitf.replace("</p>", f"<xi:include xmlns:xi='http://www.w3.org/2001/XInclude' href='{url}'/></p>")
    yield f"<?xml version='1.0'?><!DOCTYPE rss SYSTEM '{url}'>{hostile.RSS.format(hostile.item(2))}"
    yield hostile.RSS.format(hostile.item(3, f"<link>{url}</link><enclosure url='{url}'/>"))
    yield hostile.page(
        4, head=f"<base href='{url}'><link rel=canonical href='{url}'><meta http-equiv=refresh content='0;{url}'>"
    )
    yield hostile.page(5, f"<iframe src='{url}'></iframe><img src='{url}'>", f"<script src='{url}'></script>")
    yield hostile.record(report(6), url=url, html=f"<img src='{url}'>")
    yield url
