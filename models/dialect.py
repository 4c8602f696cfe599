"""The statements that SQLite and PostgreSQL spell differently, each once, and some that SQLAlchemy takes long for."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cache, partial
from itertools import chain
from operator import itemgetter
from typing import Any, cast

import orjson
from sqlalchemy import JSON, ColumnElement, Connection, Dialect, String, bindparam
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine, UserDefinedType

from models.base import UTCDateTime, as_json

STORING_LOCK = 0x73746F72
LINKING_LOCK = 0x6C696E6B
"""The same numbers for every newsfold, in PostgreSQL's advisory locks."""

_LIST = "%b"
"""A list for psycopg to send in binary: as text integers take it 4 times as long, floats 9, bytes 17."""
TOGETHER = 64
"""Rows in one INSERT on SQLite, of few columns: postings take half the time. Wide rows gain nothing."""

Insert = sqlite.Insert | postgresql.Insert


def insert_new(connection: Connection, table: Any) -> Insert:
    """INSERT that passes over rows already there; add `.returning()` to learn which were not."""
    return _insert_new(table, connection.dialect.name)


@cache
def _insert_new(table: Any, dialect: str) -> Insert:
    insert = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def fingerprints(connection: Connection, text_ids: Sequence[int]) -> Iterator[tuple[int, bytes, int]]:
    """Read (text, word hashes, words of the headline) of texts, one by one."""
    return _read_bytes(connection, "text_id, words, headline_words", "bodies", "text_id", text_ids)


def matches(connection: Connection, text_ids: Sequence[int]) -> list[tuple[int, int, str, float, float, float, float]]:
    """Read (text, other, relation, strength, jaccard, containment of one and other) of all matches of texts."""
    told = "SELECT text_a, text_b, relation, strength, jaccard, containment_a, containment_b FROM matches"
    if connection.dialect.name == "postgresql":
        read = f"{told} WHERE text_a = ANY(%s::int[]) OR text_b = ANY(%s::int[])"
        with driving(connection, read) as cursor:
            rows = cursor.execute(read, (sql_array(text_ids),) * 2, binary=True).fetchall()
            return cast("list[tuple[int, int, str, float, float, float, float]]", rows)
    listed = "(SELECT value FROM json_each(?1))"
    return fetch(connection, f"{told} WHERE text_a IN {listed} OR text_b IN {listed}", json_list(text_ids))


def same_item(connection: Connection, text_ids: Sequence[int]) -> list[tuple[int, int]]:
    """Read (text, other) of all others that appeared under the same source and id as one of these, or the same link.

    By what `Article.item` is the hash of: an agency's ids mostly ascend, so that new ones share a page of the index.
    """
    if connection.dialect.name == "postgresql":
        return fetch(connection, _SAME_ITEM_POSTGRESQL, sql_array(text_ids))
    return fetch(connection, _SAME_ITEM_SQLITE, json_list(text_ids))


_OTHERS = "SELECT a.text_id, b.text_id FROM a CROSS JOIN articles b ON {} WHERE b.text_id <> a.text_id"
_SAME_ITEM_SQLITE = (
    "WITH a AS (SELECT t.text_id, t.source, t.external_id, t.link FROM json_each(?) AS ids "  # noqa: S608 - our own words
    "CROSS JOIN articles t ON t.text_id = ids.value) "
    + " UNION ".join(
        _OTHERS.format(same) for same in ("b.source IS a.source AND b.external_id = a.external_id", "b.link = a.link")
    )
)
# OFFSET 0: text by text, by the indexes. Of a table it knows little about yet, PostgreSQL would sort all of it.
_OTHERS_POSTGRESQL = (
    "SELECT a.text_id, b.text_id FROM a CROSS JOIN LATERAL (SELECT text_id FROM articles WHERE {} OFFSET 0) b "
    "WHERE b.text_id <> a.text_id"
)
_SAME_ITEM_POSTGRESQL = (
    "WITH a AS MATERIALIZED (SELECT t.* FROM unnest(%s::int[]) AS ids (id) CROSS JOIN LATERAL "  # noqa: S608 - our own words
    "(SELECT text_id, source, external_id, link FROM articles WHERE text_id = ids.id OFFSET 0) t) "
    + " UNION ".join(
        _OTHERS_POSTGRESQL.format(same)
        for same in (
            "source = a.source AND external_id = a.external_id",
            "source IS NULL AND a.source IS NULL AND external_id = a.external_id",
            "link = a.link",
        )
    )
)


def keyed_matches(connection: Connection, text_ids: Sequence[int]) -> list[tuple[int, int, bool]]:
    """Read (text, other, whether it is firm) of the matches that rest on shared keys and are between two of these
    texts; on PostgreSQL of others that have one of these first, too."""
    select = "SELECT text_a, text_b, firm FROM"
    keyed = "matches WHERE shared_keys IS NOT NULL AND text_a"
    if connection.dialect.name == "postgresql":  # with both ends in the statement a generic plan may try each with each
        return fetch(connection, f"{select} {keyed} = ANY(%s::int[])", sql_array(text_ids))
    # A join asks text by text; IN would sort them first. With + the other end is no part of the search, but looked at
    # before the row is read.
    within = "+text_b IN (SELECT value FROM json_each(?1))"
    read = f"{select} json_each(?1) AS asked CROSS JOIN {keyed} = asked.value AND {within}"
    return fetch(connection, read, json_list(text_ids))


def run_ids(connection: Connection) -> list[int]:
    """Read which runs of postings there are."""
    return [row[0] for row in fetch(connection, "SELECT id FROM posting_runs")]


def run_sizes(connection: Connection) -> list[tuple[int, int, int]]:
    """Read (shard, how many postings, run) of all runs."""
    return fetch(connection, "SELECT shard, postings, id FROM posting_runs")


def runs(connection: Connection, ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """Read (run, its data) of those of these runs that are there."""
    return list(_read_bytes(connection, "posting_runs.id, data", "posting_runs", "id", ids))


def _read_bytes(connection: Connection, columns: str, table: str, key: str, ids: Sequence[int]) -> Iterator[Any]:
    """Read columns of the rows of a table with these ids, in the order of those on SQLite."""
    select = f"SELECT {columns} FROM"
    if connection.dialect.name == "postgresql":
        read = f"{select} {table} WHERE {key} = ANY(%s::bigint[])"
        with driving(connection, read) as cursor:  # binary: bytes come as text otherwise, twice as many
            yield from cursor.execute(read, (sql_array(ids),), binary=True)
    else:  # a join asks id by id; IN would sort them first
        read = f"{select} json_each(?) AS asked CROSS JOIN {table} ON {table}.{key} = asked.value"
        with driving(connection, read) as cursor:
            yield from cursor.execute(read, (json_list(ids),))


def insert_rows(connection: Connection, model: Any, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows none of which is there, values converted as SQLAlchemy does; the rest of it takes as long again."""
    if not rows:
        return
    columns = [model.__table__.c[name] for name in names]
    converters = [_converter(column.type, connection.dialect) for column in columns]
    by_column = zip(zip(*rows, strict=True), converters, strict=True)
    converted = zip(*(map(convert, values) if convert else values for values, convert in by_column), strict=True)
    listed = f"{model.__tablename__} ({', '.join(column.name for column in columns)})"
    if connection.dialect.name == "postgresql":
        types = [column.type.compile(connection.dialect).lower() for column in columns]
        statement = f"COPY {listed} FROM STDIN (FORMAT BINARY)"
        with driving(connection, statement) as cursor, cursor.copy(statement) as copy:
            copy.set_types(["float8" if name == "float" else name for name in types])
            for row in converted:
                copy.write_row(row)
    else:
        insert = f"INSERT INTO {listed} VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names
        with driving(connection, insert) as cursor:
            cursor.executemany(insert, converted)


def _converter(kind: TypeEngine[Any], dialect: Dialect) -> Callable[[Any], Any] | None:
    """From values to what the driver takes, or None if it takes them as they are."""
    if dialect.name == "postgresql" and isinstance(kind, JSON):
        from psycopg.types.json import Jsonb

        return partial(Jsonb, dumps=as_json)
    if dialect.name == "sqlite" and isinstance(kind, UTCDateTime):  # as SQLAlchemy's, which fills in a format
        naive = partial(kind.process_bind_param, dialect=dialect)
        return lambda time: (bound := naive(time)) and bound.isoformat(" ", "microseconds")
    return kind.dialect_impl(dialect).bind_processor(dialect)


def insert_missing(
    connection: Connection, model: Any, names: Sequence[str], rows: Sequence[tuple[Any, ...]], returning: Sequence[str]
) -> list[Any]:
    """Insert the rows that are not there, values as the driver takes them; return these columns of those that were not,
    in any order. SQLAlchemy would write a statement anew for each number of rows, which the server has to read."""
    if not rows:
        return []
    insert = f"INSERT INTO {model.__tablename__} ({', '.join(names)})"
    new = f"ON CONFLICT DO NOTHING RETURNING {', '.join(returning)}"
    if connection.dialect.name == "postgresql":
        types = (model.__table__.c[name].type.compile(connection.dialect) for name in names)
        listed = f"SELECT * FROM unnest({', '.join(f'{_LIST}::{kind}[]' for kind in types)})"  # noqa: S608 - our own words
        return fetch(connection, f"{insert} {listed} {new}", *map(list, zip(*rows, strict=True)))
    marks = f"({', '.join('?' * len(names))})"
    inserted = []
    for at in range(0, len(rows), TOGETHER):
        some = rows[at : at + TOGETHER]
        values = f"VALUES {', '.join([marks] * len(some))}"
        inserted += fetch(connection, f"{insert} {values} {new}", *chain.from_iterable(some))
    return inserted


def new_ids(connection: Connection, table: str, count: int) -> list[int]:
    """Ids for so many new rows of a table, which nobody else is given."""
    if connection.dialect.name == "postgresql":
        query = "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)"
        return [row[0] for row in fetch(connection, query, table, count)]
    ((last,),) = fetch(connection, f"SELECT coalesce(max(id), 0) FROM {table}")  # noqa: S608 - our own name
    return list(range(last + 1, last + 1 + count))


def update_rows(connection: Connection, model: Any, names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Update rows by their primary key, which comes last in each, with values as the driver takes them."""
    if not rows:
        return
    rows = sorted(rows, key=itemgetter(-1))
    (key,) = model.__table__.primary_key
    if connection.dialect.name == "postgresql":  # one statement: row by row the driver takes as long as the server
        every = (*names, key.name)
        types = [model.__table__.c[name].type.compile(connection.dialect) for name in every]
        statement = (
            f"UPDATE {model.__tablename__} SET {', '.join(f'{name} = new.{name}' for name in names)} "  # noqa: S608
            f"FROM unnest({', '.join(f'{_LIST}::{kind}[]' for kind in types)}) AS new ({', '.join(every)}) "
            f"WHERE {model.__tablename__}.{key.name} = new.{key.name}"
        )
        connection.exec_driver_sql(statement, tuple(map(list, zip(*rows, strict=True))))
    else:
        values = ", ".join(f"{name} = ?" for name in names)
        statement = f"UPDATE {model.__tablename__} SET {values} WHERE {key.name} = ?"  # noqa: S608 - our own names
        connection.exec_driver_sql(statement, rows)


def count_less(connection: Connection, rows: Sequence[tuple[int, int, int]]) -> None:
    """Take from what the keys of matches count: rows (how much, text_a, text_b)."""
    less = "UPDATE matches SET shared_keys = shared_keys"
    if connection.dialect.name == "postgresql":
        of = "FROM unnest(%s::int[], %s::int[], %s::int[]) AS new (lost, a, b) WHERE text_a = new.a AND text_b = new.b"
        columns = tuple(sql_array(column) for column in zip(*rows, strict=True))
        connection.exec_driver_sql(f"{less} - new.lost {of}", columns)
    else:
        connection.exec_driver_sql(f"{less} - ? WHERE text_a = ? AND text_b = ?", list(rows))


def one_of(column: Any, values: Sequence[int] | str) -> ColumnElement[bool]:
    """`column IN values` with the whole list as one parameter: thousands of them cost one plan and no limit.

    A name in place of the values is a parameter's, to be given when the statement is executed: statements put together
    once save a fifth of the time of an article that comes alone.
    """
    name, given = (values, None) if isinstance(values, str) else (None, values)
    return _OneOf(column, bindparam(name, given, type_=_Numbers()))


class _Numbers(TypeDecorator[Sequence[int]]):
    """A list of numbers, written down: as an array, or as JSON where there are none."""

    impl = String
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_Unnamed() if dialect.name == "postgresql" else String())

    def process_bind_param(self, value: Sequence[int] | None, dialect: Dialect) -> str:
        return sql_array(value or ()) if dialect.name == "postgresql" else json_list(value or ())


class _Unnamed(UserDefinedType[str]):
    """A parameter whose type PostgreSQL infers. Told that it is a string, it would plan for an array it cannot see."""

    cache_ok = True


class _OneOf(FunctionElement[Any]):
    inherit_cache = True


@compiles(_OneOf, "postgresql")
def _in_array(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} = ANY (CAST({numbers} AS integer[]))"


@compiles(_OneOf, "sqlite")
def _in_json(element: _OneOf, compiler: SQLCompiler, **options: Any) -> str:
    column, numbers = (compiler.process(clause, **options) for clause in element.clauses)
    return f"{column} IN (SELECT value FROM json_each({numbers}))"  # noqa: S608 - compiled clauses, no values


@contextmanager
def driving(connection: Connection, statement: str) -> Iterator[Any]:
    """A cursor of the driver, for what SQLAlchemy has no word for, or takes long for; errors as it raises them."""
    driver: Any = connection.dialect.dbapi
    try:
        with closing(connection.connection.cursor()) as cursor:
            yield cursor
    except driver.Error as error:
        raise DBAPIError.instance(statement, None, error, driver.Error, hide_parameters=True) from error


def fetch(connection: Connection, statement: str, *parameters: Any) -> list[Any]:
    """All rows, as the driver hands them out: SQLAlchemy takes 50 us more a statement, which an article that comes
    alone feels."""
    with driving(connection, statement) as cursor:
        cursor.execute(statement, parameters)
        return cast("list[Any]", cursor.fetchall())


def killed_items(connection: Connection, items: Sequence[bytes]) -> list[bytes]:
    """Read which of these items were killed by their agencies."""
    killed, select = "WHERE status = 'cancelled' AND item", "SELECT DISTINCT item FROM articles"
    if connection.dialect.name == "postgresql":
        found = fetch(connection, f"{select} {killed} = ANY({_LIST})", list(items))
    else:  # by itself SQLite takes the index of all items, and reads the article of each to see its status
        select += " INDEXED BY ix_articles_cancelled"
        found = fetch(connection, f"{select} {killed} IN ({', '.join('?' * len(items))})", *items)
    return [bytes(row[0]) for row in found]


def filter_versions(connection: Connection) -> list[tuple[int, int]]:
    """Read (shard, version) of all filters."""
    return fetch(connection, "SELECT shard, version FROM key_filters")


def filters(connection: Connection, shards: Sequence[int]) -> list[tuple[int, int, bytes]]:
    """Read (shard, version, data) of the filters of these shards."""
    return list(_read_bytes(connection, "shard, version, data", "key_filters", "shard", shards))


def halved_cells(connection: Connection, since: int, most: int) -> list[tuple[int, int, int]]:
    """Read (id, key, cell) of halved cells in the order they were halved, so many of them, from number `since` on."""
    mark = "%s" if connection.dialect.name == "postgresql" else "?"
    held = f"SELECT id, key, cell FROM halved_cells WHERE id >= {mark} ORDER BY id LIMIT {mark}"  # noqa: S608 - a mark
    return fetch(connection, held, since, most)


def json_list(numbers: Iterable[Any]) -> str:
    """Numbers, or lists of them, as JSON: `str` takes six times as long, and does not take arrays of numpy."""
    return orjson.dumps(numbers, default=list, option=orjson.OPT_SERIALIZE_NUMPY).decode()


def sql_array(numbers: Iterable[Any]) -> str:
    """An array as PostgreSQL reads it: the driver takes a hundred times as long to write one down number by number."""
    return f"{{{json_list(numbers)[1:-1]}}}"


def fill_search(connection: Connection, text_ids: Sequence[int]) -> None:
    """Enter texts in the full-text search, passing over those it knows."""
    if connection.dialect.name == "postgresql":
        # left(): a tsvector holds 1 MB at most, and must not fail on a long text. strip(): nobody asks for places.
        connection.exec_driver_sql(
            "INSERT INTO text_search "
            "SELECT text_id, strip(to_tsvector('simple', left(headline || ' ' || body, 200000))) "
            "FROM bodies WHERE text_id = ANY(%s::int[]) ON CONFLICT DO NOTHING",
            (sql_array(text_ids),),
        )
    else:
        connection.exec_driver_sql(
            "INSERT INTO text_search(rowid, headline, body) SELECT text_id, headline, body FROM bodies "
            "WHERE text_id IN (SELECT value FROM json_each(?))",
            (json_list(text_ids),),
        )


def one_writes(connection: Connection) -> bool:
    """Whether nothing can change any more while this write transaction lasts, whatever it locks."""
    return connection.dialect.name == "sqlite"


def lock_store(connection: Connection, *, alone: bool) -> None:
    """Hold off, until this transaction ends, whoever takes texts away, or (`alone`) everybody who stores."""
    _lock(connection, STORING_LOCK, alone)


def lock_links(connection: Connection, *, alone: bool) -> None:
    """Hold off, until this transaction ends, whoever halves cells, or (`alone`) everybody who links."""
    _lock(connection, LINKING_LOCK, alone)


def _lock(connection: Connection, number: int, alone: bool) -> None:
    if connection.dialect.name == "postgresql":  # SQLite has one writer at a time anyway
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock{'' if alone else '_shared'}({number})")
