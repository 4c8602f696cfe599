"""Bytes on disk of a newsfold database: what the index and the fingerprints take, and what is stored text."""

import random
from collections import defaultdict

from sqlalchemy import Connection, bindparam, text

INDEX = ("text_keys", "key_pages", "posting_runs", "key_filters", "halved_cells")
SEARCH = "text_search"
SAMPLE = 2_000


def sizes(connection: Connection) -> dict[str, int]:
    """Bytes of the index, the fingerprints, the matches, the search and the rest (texts, articles, stories, ledger).

    A table counts with its own indexes. Fingerprints are a column of `bodies`: their bytes are estimated from a sample.
    """
    tables = _sqlite(connection) if connection.dialect.name == "sqlite" else _postgres(connection)
    total = sum(tables.values())
    index = sum(size for table, size in tables.items() if table.startswith(INDEX))
    prints = _fingerprints(connection)
    search = sum(size for table, size in tables.items() if table.startswith(SEARCH))
    matches = tables.get("matches", 0)
    named = {"index": index, "fingerprints": prints, "matches": matches, "search": search}
    return named | {"stored": total - sum(named.values()), "total": total}


def _sqlite(connection: Connection) -> dict[str, int]:
    owners = {row.name: row.tbl_name for row in connection.execute(text("select name, tbl_name from sqlite_master"))}
    found: dict[str, int] = defaultdict(int)
    for name, size in connection.execute(text("select name, sum(pgsize) from dbstat group by name")):
        found[owners.get(name, name)] += size
    return found


def _postgres(connection: Connection) -> dict[str, int]:
    query = text(
        "select relname, pg_total_relation_size(c.oid) from pg_class c join pg_namespace n on n.oid = relnamespace "
        "where relkind = 'r' and nspname = 'public'"
    )
    return {name: int(size) for name, size in connection.execute(query)}


def _fingerprints(connection: Connection) -> int:
    """Words and digests, by the mean of a sample of texts."""
    newest = connection.execute(text("select max(text_id) from bodies")).scalar_one() or 0
    count = connection.execute(text("select count(*) from bodies")).scalar_one()
    ids = random.Random(1).sample(range(1, newest + 1), min(SAMPLE, newest))
    query = text("select avg(length(words) + 16) from bodies where text_id in :ids")
    mean = connection.execute(query.bindparams(bindparam("ids", ids, expanding=True))).scalar_one()
    return int(count * float(mean or 0))
