"""How tests drive newsfold: files in, rows and exports out."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson
from sqlalchemy import Connection, Engine, select, text

import migrations
from models.engine import open_engine, reading
from models.tables import Match
from worker import filters
from worker.commands.export import lines
from worker.core.candidates import counts
from worker.core.cells import leads
from worker.core.fingerprint import index_keys
from worker.core.runs import Postings
from worker.entered import through
from worker.index import halved_cells
from worker.known import load, load_words
from worker.parsing import parse_with_format
from worker.pipeline import Outcome, Pipeline, describe
from worker.postings import recent

TOWNS = ("Orrin", "Velden", "Haskerley", "Port Amsel", "Dunmarrow", "Kestrel Bay", "Lower Fenn", "Sarnholm")
WORDS = """
    council harbour bridge winter storm engineer repair budget ferry school teacher museum orchard railway
    signal market baker glacier lantern archive surveyor inspector mayor resident volunteer crew timber quarry
    reservoir festival orchestra granary vineyard lighthouse pilot customs warehouse printer clockmaker botanist
    apprentice committee verdict petition ballot auction insurance foundry loom kiln canal sluice dredger buoy
    tide estuary
""".split()


def report(number: int, words: int = 160) -> str:
    """A text of its own, the same for the same number: sentences of common words in an order nobody else has."""
    state = number * 2654435761 % 2**32
    out = []
    for place in range(words):
        state = (state * 1103515245 + 12345 + place) % 2**31
        out.append(WORDS[(state >> 8) % len(WORDS)] + ("." if place % 12 == 11 else ""))
    return f"{TOWNS[number % len(TOWNS)]} " + " ".join(out)


def edited(body: str, every: int, marker: str) -> str:
    """The same text with every `every`-th word replaced."""
    words = body.split()
    return " ".join(marker if place % every == every - 1 else word for place, word in enumerate(words))


def parse_lines_here(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """What `worker.sandbox.parse_lines` yields, parsed in this process: a child takes its time to start."""
    for format_, found in parse_with_format(stream, name):
        yield orjson.dumps([format_, tuple(found)], option=orjson.OPT_APPEND_NEWLINE)


def all_entered(connection: Connection) -> list[tuple[int, int, int]]:
    """What is entered in the candidate index, and waits no more: (key, place, text), ascending."""
    return [row for found in through(connection, 1000) for row in rows_of(found)]


def rows_of(postings: Postings) -> list[tuple[int, int, int]]:
    """Postings as rows (key, place, text)."""
    return list(zip(*(column.tolist() for column in postings), strict=True))


def posted(engine: Engine) -> list[tuple[int, int, int]]:
    """Everything in the candidate index, wherever it is kept: (key, place, text), ascending."""
    with reading(engine) as connection:
        found = all_entered(connection)
        assert filters.sought(connection, np.array(sorted({row[0] for row in found}), np.int64)).all()
        for run in recent(connection):
            found += rows_of(run)
    return sorted(found)


def miscounted(connection: Connection) -> list[tuple[int, int, int, int]]:
    """Matches whose keys do not count what the index says: (text, text, stored, counted anew)."""
    listed = connection.execute(select(Match).where(Match.shared_keys.is_not(None))).all()
    ids = sorted({text for row in listed for text in (row.text_a, row.text_b)})
    texts = load(connection, ids)
    keys = {text: set(index_keys(words).tolist()) for text, (words, _) in load_words(connection, ids).items()}
    halved = halved_cells(connection, np.array(sorted(set().union(*keys.values())), np.int64))

    def counted(a: int, b: int, firm: bool) -> int:
        places = texts[a].places, texts[b].places
        both = [(key, halved.get(key, ())) for key in keys[a] & keys[b]]
        return sum(counts(key, cells, firm=firm) for key, cells in both if not firm or leads(*places, cells))

    anew = [(row.text_a, row.text_b, row.shared_keys, counted(row.text_a, row.text_b, row.firm)) for row in listed]
    return [row for row in anew if row[2] != row[3]]


@contextmanager
def opened(url: str) -> Iterator[tuple[Engine, Pipeline]]:
    """A migrated database and a pipeline on it."""
    engine = open_engine(url)
    migrations.upgrade(engine)
    try:
        yield engine, Pipeline.open(engine)
    finally:
        engine.dispose()


def write_jsonl(path: Path, records: Iterable[dict[str, Any]]) -> Path:
    """Write records as JSON lines."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def ingest(pipeline: Pipeline, *files: Path, source: str | None = None) -> list[Outcome]:
    """Ingest files where they lie."""
    return list(pipeline.ingest([describe(file, file.name, source) for file in files]))


def rows(engine: Engine, query: str, **values: Any) -> list[dict[str, Any]]:
    """Rows of a query, as dicts."""
    with reading(engine) as connection:
        return [dict(row._mapping) for row in connection.execute(text(query), values)]


def exported(engine: Engine) -> bytes:
    """The canonical export."""
    with reading(engine) as connection:
        return b"".join(lines(connection))


def partition(engine: Engine) -> set[frozenset[str]]:
    """The stories as sets of external ids."""
    stories: dict[int, set[str]] = {}
    for row in rows(engine, "SELECT story_id, external_id FROM story_members"):
        stories.setdefault(row["story_id"], set()).add(row["external_id"])
    return {frozenset(ids) for ids in stories.values()}


def records(numbers: Sequence[int]) -> list[dict[str, Any]]:
    """Unrelated articles."""
    return [
        {"id": f"r{n}", "title": f"Report {n}", "text": report(n), "published_at": f"2026-03-{n % 28 + 1:02}T08:00:00Z"}
        for n in numbers
    ]
