"""What every contender of one size is given: the same articles, as one file, as two, as thousands, and their labels."""

import hashlib
import shutil
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from benchmarks.corpus import LABELS, generate, given
from benchmarks.environment import say
from benchmarks.peers.cluster import PROCESSES

LABELLED = ("id", "published_at", *LABELS)
STREAMED = 1_000
"""Articles past those of the batch, which come in one by one."""


@dataclass(frozen=True, slots=True)
class Material:
    """A corpus on disk, in a folder of its own."""

    folder: Path
    articles: int

    @property
    def corpus(self) -> Path:
        """The batch, JSON lines in order of publication."""
        return self.folder / "corpus.jsonl"

    @property
    def halves(self) -> Path:
        """The same in as many files as peers take processes."""
        return self.folder / "halves"

    @property
    def later(self) -> Path:
        """The articles that follow."""
        return self.folder / "later.jsonl"

    def labels(self) -> list[dict[str, Any]]:
        """The labels of the batch, in its order."""
        return [orjson.loads(line) for line in (self.folder / "labels.jsonl").read_bytes().splitlines()]

    def files(self, count: int) -> Path:
        """A folder with the first articles as one file each."""
        folder = self.folder / f"files-{count}"
        if not folder.exists():
            started = folder.with_suffix(".new")
            shutil.rmtree(started, ignore_errors=True)
            started.mkdir()
            with self.corpus.open("rb") as lines:
                for number, line in enumerate(islice(lines, count)):
                    (started / f"{number:06d}.json").write_bytes(line)
            started.rename(folder)
        return folder


def prepare(root: Path, articles: int, seed: int) -> Material:
    """Write a corpus unless it lies there already from an earlier run of the same generator."""
    material = Material(root / f"corpus-{articles}-{seed}-{_generator()}", articles)
    if (material.folder / "labels.jsonl").exists():
        return material
    say(f"writing a corpus of {articles:,} articles")
    shutil.rmtree(material.folder, ignore_errors=True)
    material.halves.mkdir(parents=True)
    stream = generate(articles + STREAMED, seed)
    batch = islice(stream, articles)
    labels = []
    with material.corpus.open("wb") as whole:
        for number, size in enumerate(_sizes(articles)):
            with (material.halves / f"{number}.jsonl").open("wb") as part:
                for record in islice(batch, size):
                    line = _line(given(record))
                    whole.write(line)
                    part.write(line)
                    labels.append(_line({name: record[name] for name in LABELLED if name in record}))
    material.later.write_bytes(b"".join(_line(given(record)) for record in stream))
    (material.folder / "labels.jsonl").write_bytes(b"".join(labels))
    return material


def _sizes(articles: int) -> list[int]:
    return [articles * (i + 1) // PROCESSES - articles * i // PROCESSES for i in range(PROCESSES)]


def _line(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_APPEND_NEWLINE)


def _generator() -> str:
    """Name this version of the generator: a corpus of another is not taken for one of this."""
    here = Path(__file__).parent
    sources = ("corpus.py", "pseudo.py", "pseudo.txt", "drafts.py", "families.py", "formatting.py")
    return hashlib.blake2b(b"".join((here / name).read_bytes() for name in sources), digest_size=4).hexdigest()
