"""The statements that SQLite and PostgreSQL spell differently, each once."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ARRAY, ColumnElement, Connection, Integer, Table, any_, bindparam, func, select
from sqlalchemy.dialects import postgresql, sqlite

Insert = sqlite.Insert | postgresql.Insert


def insert_new(connection: Connection, table: Any) -> Insert:
    """INSERT that passes over rows already there; add `.returning()` to learn which were not."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(table).on_conflict_do_nothing()


def one_of(connection: Connection, column: Any, values: Sequence[int]) -> ColumnElement[bool]:
    """`column IN values` with the whole list as one parameter: thousands of them cost one plan and no limit."""
    if connection.dialect.name == "postgresql":
        array: ColumnElement[bool] = column == any_(bindparam(None, values, type_=ARRAY(Integer)))
        return array
    listed = func.json_each(str(list(values))).table_valued("value")
    chosen: ColumnElement[bool] = column.in_(select(listed.c.value))
    return chosen


def insert_pairs(connection: Connection, table: Table, pairs: Sequence[tuple[int, int]]) -> None:
    """Insert rows of a table of two integer columns in bulk, passing over those already there."""
    first, second = (column.name for column in table.columns)
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(
            f"INSERT INTO {table.name} ({first}, {second}) "  # noqa: S608 - our own table's names
            "SELECT * FROM unnest(%s::int[], %s::int[]) ON CONFLICT DO NOTHING",
            ([a for a, _ in pairs], [b for _, b in pairs]),
        )
    elif pairs:
        connection.exec_driver_sql(f"INSERT OR IGNORE INTO {table.name} VALUES (?, ?)", list(pairs))  # noqa: S608
