"""A JSONL file to clusters of near-duplicates, by one of the peers, as its documentation does it.

    .venv-bench/bin/python -m benchmarks.peers.cluster rensa corpus.jsonl 50000 clusters.json workdir

Word 5-grams, 128 permutations, bands for a Jaccard threshold of 0.5, connected components of what shares a band.
"""

import struct
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from benchmarks.peers.common import BANDS, NGRAM, PERMUTATIONS, ROWS, THRESHOLD, clusters, ngrams, read

BULK = 2_000
PROCESSES = 2


def datasketch(path: str, count: int, _: Path) -> list[int]:
    """`MinHash.generator` and `MinHashLSH`, in memory, one process."""
    from datasketch import MinHash, MinHashLSH

    texts = read(path, count)
    index = MinHashLSH(params=(BANDS, ROWS), num_perm=PERMUTATIONS)

    def pairs() -> Iterator[tuple[int, int]]:
        sets = ([gram.encode() for gram in ngrams(text)] for text in texts)
        for i, minhash in enumerate(MinHash.generator(sets, num_perm=PERMUTATIONS)):
            yield from ((i, j) for j in index.query(minhash))
            index.insert(i, minhash)

    return clusters(len(texts), pairs())


def rensa(path: str, count: int, _: Path) -> list[int]:
    """R-MinHash and its LSH; 32 bands of 4, since 25 do not divide its 128."""
    from rensa import RMinHash, RMinHashLSH

    texts = read(path, count)
    index = RMinHashLSH(threshold=THRESHOLD, num_perm=PERMUTATIONS, num_bands=32)

    def pairs() -> Iterator[tuple[int, int]]:
        for start in range(0, len(texts), BULK):
            grams = [ngrams(text) for text in texts[start : start + BULK]]
            minhashes = RMinHash.from_token_sets(grams, num_perm=PERMUTATIONS, seed=1)
            index.insert_many(minhashes, start)
            for i, found in enumerate(index.query_all(minhashes), start):
                yield from ((i, j) for j in found if j != i)

    return clusters(len(texts), pairs())


def gaoya(path: str, count: int, _: Path) -> list[int]:
    """Rust from the text on, on all cores; pairs are kept from an estimated Jaccard of 0.5 on, as it is made to."""
    from gaoya.minhash import MinHashStringIndex

    texts = read(path, count)
    index = MinHashStringIndex(32, THRESHOLD, BANDS, ROWS, None, "word", True, (NGRAM, NGRAM))
    index.par_bulk_insert_docs(list(range(len(texts))), texts)
    return clusters(len(texts), ((i, j) for i, found in enumerate(index.par_bulk_query(texts)) for j in found))


def text_dedup(path: str, count: int, work: Path) -> list[int]:
    """Its command, two processes, its faster hash; its clusters, which it throws away, are read off it at the end."""
    from text_dedup import minhash

    arguments = [
        "--path", "json", "--data_files", path, "--split", "train", "--cache_dir", str(work / "cache"),
        "--column", "text", "--output", str(work / "out"), "--num_proc", str(PROCESSES), "--batch_size", "10000",
        "--ngram", str(NGRAM), "--min_length", "0", "--num_perm", str(PERMUTATIONS), "--b", str(BANDS),
        "--r", str(ROWS), "--hash_func", "xxh3",
    ]  # fmt: skip
    minhash.main(arguments, standalone_mode=False)
    return [minhash.uf.find(i) for i in range(count)]


def datatrove(path: str, count: int, work: Path) -> list[int]:
    """Its four stages, two processes where a stage can use them. `path` is a folder with a file for each of the two."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashConfig,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers.jsonl import JsonlWriter

    config = MinhashConfig(n_grams=NGRAM, num_buckets=BANDS, hashes_per_bucket=ROWS)
    signatures, buckets, removed = (str(work / name) for name in ("signatures", "buckets", "removed"))

    def stage(name: str, tasks: int, *steps: object) -> None:
        LocalPipelineExecutor(
            list(steps), tasks=tasks, workers=min(tasks, PROCESSES), logging_dir=str(work / "logs" / name)
        ).run()

    stage("1", PROCESSES, JsonlReader(path), MinhashDedupSignature(signatures, config))
    stage("2", BANDS, MinhashDedupBuckets(signatures, buckets, config=config))
    stage("3", 1, MinhashDedupCluster(buckets, removed, config, save_cluster_id=True))
    kept = JsonlWriter(str(work / "kept"), compression=None)
    stage("4", PROCESSES, JsonlReader(path), MinhashDedupFilter(removed, load_cluster_ids=True), kept)
    return _datatrove_clusters(Path(removed), Path(path), count)


def _datatrove_clusters(removed: Path, source: Path, count: int) -> list[int]:
    """Its numbers of clusters, by file and place in the file; what has none is a cluster of its own, from -1 down."""
    found: list[int] = []
    for rank, part in enumerate(sorted(source.iterdir())):
        pairs = struct.iter_unpack("<2I", (removed / f"{rank:06d}.clusters").read_bytes())
        places = dict(pairs)
        with part.open("rb") as lines:
            found += [places.get(i, -1 - len(found) - i) for i, _ in enumerate(lines)]
    return found[:count]


PEERS: dict[str, Callable[[str, int, Path], list[int]]] = {
    "datasketch": datasketch,
    "rensa": rensa,
    "gaoya": gaoya,
    "text-dedup": text_dedup,
    "datatrove": datatrove,
}


def main() -> None:
    """Cluster, and write a list with one member of its cluster for each record."""
    name, path, count, out, work = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], Path(sys.argv[5])
    Path(out).write_bytes(orjson.dumps(PEERS[name](path, count, work)))


if __name__ == "__main__":
    main()
