"""The contenders that are one command each: text to signature and keys, and a JSONL file to stories."""

import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.environment import PYTHON
from benchmarks.material import Material
from benchmarks.measure import Usage, timed
from benchmarks.recall import judge

Figures = dict[str, Any]
NEWSFOLD = (sys.executable, "-c", "from worker.cli import main; main()")
"""The command, installed or not."""
SKETCHED = 5_000
"""Articles of the corpus whose signatures are made: enough for a second or more of each peer."""


@dataclass(frozen=True, slots=True)
class Contender:
    """Somebody who does the work of a row, and how it is measured once."""

    row: str
    who: str
    run: Callable[[Material, Path], Figures]
    needs: str | None = None
    """The peer that must be installed."""
    own: bool = False
    """Whether it is newsfold: the one whose speed the ratios of the row are of comes first in the row."""


def sketch(who: str, *, own: bool = False) -> Callable[[Material, Path], Figures]:
    """Text to signature and keys, on one core; the contender times itself, on texts that lie in memory."""

    def run(material: Material, work: Path) -> Figures:
        module = "benchmarks.sketch" if own else "benchmarks.peers.sketch"
        count = min(SKETCHED, material.articles)
        command = [sys.executable if own else str(PYTHON), "-m", module, who, str(material.corpus), str(count)]
        usage, answer = timed(command, {"RAYON_NUM_THREADS": "1"}, work / "log")
        told = orjson.loads(answer.splitlines()[-1])
        return figures(usage, told["articles"]) | told

    return run


def cluster(who: str) -> Callable[[Material, Path], Figures]:
    """A file of articles to clusters, by a peer."""

    def run(material: Material, work: Path) -> Figures:
        source = material.halves if who == "datatrove" else material.corpus
        out = work / "clusters.json"
        command = [PYTHON, "-m", "benchmarks.peers.cluster", who, source, str(material.articles), out, work]
        usage, _ = timed(list(map(str, command)), {"HF_HUB_OFFLINE": "1", "HF_HOME": str(work)}, work / "log")
        return figures(usage, material.articles) | judge(material.labels(), orjson.loads(out.read_bytes()))

    return run


def ingest(material: Material, work: Path) -> Figures:
    """`newsfold ingest` of the file into SQLite. The database is kept for the streaming row."""
    database = work / "newsfold.db"
    environment = {"NEWSFOLD_DATABASE_URL": f"sqlite:///{database}"}
    command = [*NEWSFOLD, "ingest", str(material.corpus), "--json"]
    usage, _ = timed(command, environment, work / "log")
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
        rows = connection.execute("select external_id, published_at, story_id from story_members").fetchall()
    size = sum(file.stat().st_size for file in work.glob("newsfold.db*"))
    for file in work.glob("newsfold.db*"):
        shutil.move(file, material.folder / file.name)
    found = judge(material.labels(), stories(material.labels(), rows))
    return figures(usage, material.articles) | found | {"bytes": size // material.articles}


def stories(labels: Sequence[Mapping[str, Any]], rows: Sequence[tuple[str, Any, int]]) -> list[Hashable]:
    """The story of each labelled article; (id, time) names it, since a correction keeps its id."""
    found = {(external, moment(str(at))): story for external, at, story in rows}
    return [found[label["id"], moment(label["published_at"])] for label in labels]


def moment(time: str) -> str:
    """A time to the second, however it is written."""
    return time.replace("T", " ")[:19]


def figures(usage: Usage, articles: int) -> Figures:
    """What every run reports."""
    return {"articles": articles, "seconds": usage.seconds, "cpu": usage.cpu, "pss": usage.pss, "rss": usage.rss}


def warm_up(material: Material) -> None:
    """Have newsfold's kernels compiled (once a machine) before anything is measured."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with material.corpus.open("rb") as lines:
            (folder / "first.jsonl").write_bytes(b"".join(islice(lines, 300)))
        environment = {"NEWSFOLD_DATABASE_URL": f"sqlite:///{folder / 'warm.db'}"}
        timed([*NEWSFOLD, "ingest", str(folder / "first.jsonl"), "--json"], environment, folder / "log")
