"""The contender of the streaming row."""

import shutil
import sys
from pathlib import Path

import orjson

from benchmarks.batch import Figures, figures, ingest
from benchmarks.material import Material
from benchmarks.measure import timed

STREAMED = 500


def stream(material: Material, work: Path) -> Figures:
    """One article after the other, on the database that holds the batch (`benchmarks.stream`)."""
    if not (material.folder / "newsfold.db").exists():
        ingest(material, work)
    for file in material.folder.glob("newsfold.db*"):
        shutil.copy(file, work / file.name)
    command = [sys.executable, "-m", "benchmarks.stream", str(material.later), str(STREAMED), str(work)]
    environment = {"NEWSFOLD_DATABASE_URL": f"sqlite:///{work / 'newsfold.db'}"}
    usage, answer = timed(command, environment, work / "log")
    told: Figures = orjson.loads(answer.splitlines()[-1])
    return figures(usage, STREAMED) | told | {"stored": material.articles}
