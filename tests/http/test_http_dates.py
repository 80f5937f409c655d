"""HTTP-date (RFC 9110, section 5.6.7)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.http_dates import format_http_date, parse_http_date

MOMENT = datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)
NOW = datetime(2026, 11, 29, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "Sun, 06 Nov 1994 08:49:37 GMT",
        "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun Nov  6 08:49:37 1994",
    ],
)
def test_reads_all_three_forms(text: str) -> None:
    assert parse_http_date(text, now=NOW) == MOMENT


@pytest.mark.parametrize(("year", "century"), [("76", 2000), ("77", 1900), ("00", 2000)])
def test_two_digits_are_at_most_fifty_years_ahead(year: str, century: int) -> None:
    found = parse_http_date(f"Sunday, 06-Nov-{year} 08:49:37 GMT", now=NOW)

    assert found is not None
    assert found.year == century + int(year)


def test_reads_leap_second() -> None:
    found = parse_http_date("Sat, 31 Dec 2016 23:59:60 GMT")

    assert found == datetime(2017, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1994-11-06T08:49:37Z",
        "784111777",
        "Sun, 06 Nov 1994 08:49:37",
        "Sun, 06 Nov 1994 08:49:37 +0000",
        "Sun, 6 Nov 1994 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 00 Nov 1994 08:49:37 GMT",
        "Sun, 06 Nov 0000 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT",
        "Sun, 06 Nov 1994 08:49:61 GMT",
        "Fri, 31 Dec 9999 23:59:60 GMT",
        "Sun, ٠٦ Nov 1994 08:49:37 GMT",
        "sun, 06 nov 1994 08:49:37 gmt",
        "Sun, 06 Nov 1994 08:49:37 GMT, Sun, 06 Nov 1994 08:49:37 GMT",
    ],
)
def test_anything_else_is_no_date(text: str) -> None:
    assert parse_http_date(text) is None


@given(st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_formatted_date_is_parsed_back(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)

    assert parse_http_date(format_http_date(moment)) == moment.replace(microsecond=0)


def test_writes_other_time_zones_in_gmt() -> None:
    there = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30)))

    assert format_http_date(there) == "Sun, 06 Nov 1994 08:49:37 GMT"
