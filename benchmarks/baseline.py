"""What a plain user of datasketch gets, behind the command line that the scorers drive.

    python -m benchmarks.baseline ingest FILE.jsonl

MinHash (128 permutations) over lower-case word 3-grams, `MinHashLSH` at threshold 0.5, connected components; scripts
without spaces get character 3-grams, which is kinder than what most people do. Writes the views' names as tables
into `NEWSFOLD_DATABASE_URL` (SQLite). A member counts as `exact` if its text is the canonical one's, else as `near`:
plain LSH knows no other relation.
"""

import os
import re
import sqlite3
import sys
from pathlib import Path

import orjson
from datasketch import MinHash, MinHashLSH

WORD = re.compile(r"\w+")
UNSPACED = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff]")
THRESHOLD = 0.5


def shingles(text: str) -> list[bytes]:
    """The set of 3-grams, as bytes."""
    words = WORD.findall(text.lower())
    if len(UNSPACED.findall(text[:400])) > 100:
        words = list("".join(words))
    return list({" ".join(words[i : i + 3]).encode() for i in range(max(1, len(words) - 2))})


def stories(texts: list[str]) -> list[int]:
    """The story of each text, as the index of one of its members."""
    index = MinHashLSH(threshold=THRESHOLD, num_perm=128)
    parent = list(range(len(texts)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, minhash in enumerate(MinHash.generator(map(shingles, texts), num_perm=128, seed=7)):
        for j in index.query(minhash):
            parent[root(i)] = root(j)
        index.insert(i, minhash)
    return [root(i) for i in range(len(texts))]


def main() -> None:
    """Cluster the records of a JSONL file and write the table `story_members`."""
    path = Path(sys.argv[2])
    records = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    found = stories([r["text"] for r in records])
    members: dict[int, list[int]] = {}
    for i in sorted(range(len(records)), key=lambda i: str(records[i].get("published_at") or "9")):
        members.setdefault(found[i], []).append(i)
    rows = []
    for story, ids in members.items():
        for i in ids:
            same = "".join(records[i]["text"].split()) == "".join(records[ids[0]]["text"].split())
            relation = "canonical" if i == ids[0] else "exact" if same else "near"
            rows.append((story, i, records[i]["id"], records[i].get("published_at"), relation))
    with sqlite3.connect(os.environ["NEWSFOLD_DATABASE_URL"].removeprefix("sqlite:///")) as database:
        database.execute("create table story_members (story_id, article_id, external_id, published_at, relation)")
        database.execute("create table match_evidence (article_id_a, article_id_b)")
        database.executemany("insert into story_members values (?, ?, ?, ?, ?)", rows)


if __name__ == "__main__":
    main()
