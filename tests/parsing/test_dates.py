"""Dates as publishers write them."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.parsing.dates import parse_date

MARCH = datetime(2024, 3, 5, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        "2024-03-05T09:30:00Z",
        "2024-03-05T10:30:00+01:00",
        "2024-03-05T10:30:00.000000000+0100",
        "2024-03-05 09:30",
        "20240305T093000Z",
        "20240305T103000+0100",
        "20240305T0930",
        "20240305093000",
        "Tue, 05 Mar 2024 10:30:00 +0100",
        "Tue, 5 Mar 2024 04:30:00 EST",
        "March 5, 2024 9:30 AM",
        "5 March 2024, 10:30 CET",
        "13/2/2024",
        1709631000,
        1709631000.0,
        "1709631000",
        1709631000000,
        1709631000000000,
        MARCH,
        datetime(2024, 3, 5, 9, 30),  # noqa: DTZ001
        datetime(2024, 3, 5, 10, 30, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_one_moment_in_many_spellings(value):
    expected = datetime(2024, 2, 13, tzinfo=UTC) if value == "13/2/2024" else MARCH
    assert parse_date(value) == expected
    assert parse_date(value).tzinfo is UTC


@pytest.mark.parametrize("value", ["2024-03-05", "20240305", 20240305, date(2024, 3, 5), "March 5, 2024", "3/3/2024"])
def test_a_day_is_its_first_moment(value):
    assert parse_date(value).time().isoformat() == "00:00:00"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "soon",
        "10:30",
        "Monday",
        "March 2024",
        "03/04/2024",
        "2024-13-45",
        True,
        12,
        "9" * 400,
        [],
        {},
        "0001-01-01T00:00:00+14:00",
        float("inf"),
    ],
)
def test_what_is_no_full_date_or_could_be_two_is_none(value):
    assert parse_date(value) is None


@given(st.text(max_size=80) | st.integers() | st.floats())
def test_nothing_raises(value):
    found = parse_date(value)
    assert found is None or found.tzinfo is UTC


@given(st.datetimes(datetime(1980, 1, 1), datetime(2090, 1, 1)))  # noqa: DTZ001
def test_iso_dates_come_back_as_they_are(moment):
    assert parse_date(moment.isoformat()) == moment.replace(tzinfo=UTC)
