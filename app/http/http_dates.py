"""HTTP-date: parsing of its three forms (RFC 9110, section 5.6.7), and formatting."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
LONG_DAY_NAME = "(?:Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday)"
MONTH = f"(?P<month>{'|'.join(MONTHS)})"
TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
FORMS = (
    re.compile(rf"{DAY_NAME}, (?P<day>[0-9]{{2}}) {MONTH} (?P<year>[0-9]{{4}}) {TIME} GMT"),
    re.compile(rf"{LONG_DAY_NAME}, (?P<day>[0-9]{{2}})-{MONTH}-(?P<year>[0-9]{{2}}) {TIME} GMT"),
    re.compile(rf"{DAY_NAME} {MONTH} (?P<day>[ 0-9][0-9]) {TIME} (?P<year>[0-9]{{4}})"),
)
LEAP_SECOND = 60
CENTURY = 100
MAX_YEARS_AHEAD = 50


def format_http_date(moment: datetime) -> str:
    """Return the moment as an IMF-fixdate, truncated to whole seconds."""
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def parse_http_date(text: str, *, now: datetime | None = None) -> datetime | None:
    """Return the moment in UTC, None if the text is not an HTTP-date."""
    match = next((found for form in FORMS if (found := form.fullmatch(text))), None)
    if match is None:
        return None
    year = full_year(match["year"], now or datetime.now(UTC))
    day, month = int(match["day"]), MONTHS.index(match["month"]) + 1
    second = int(match["second"])
    try:
        whole = datetime(year, month, day, int(match["hour"]), int(match["minute"]), tzinfo=UTC)
        return whole + timedelta(seconds=second) if second <= LEAP_SECOND else None
    except (ValueError, OverflowError):
        return None


def full_year(digits: str, now: datetime) -> int:
    """Read two digits that are more than 50 years ahead as in the past (section 5.6.7)."""
    year = int(digits)
    if len(digits) > 2:  # noqa: PLR2004
        return year
    year += now.year - now.year % CENTURY
    return year - CENTURY if year > now.year + MAX_YEARS_AHEAD else year
