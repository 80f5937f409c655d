"""Retries: the requests that may be repeated, and the pause before the next attempt."""

import httpx

from app.errors import AppError
from app.http.http_dates import parse_http_date
from app.runtime.clock import now
from app.runtime.jitter import jitter

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
MAX_RETRY_AFTER_SECONDS = 3600


class RetryBudget:
    """Repeats a tenth of all requests at most, so that an outage is not made worse by retries.

    `reserve` more for a process that has sent nothing yet, or nothing for long.
    """

    def __init__(self, *, share: float = 0.1, reserve: float = 10) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """One request is sent for the first time."""
        self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Whether one request may be repeated."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def pause_seconds(attempt: int, failure: AppError) -> float:
    """How long to wait after the attempt (the first is 0): as asked, else longer each time.

    Drawn at random up to its bound, so that those who failed together do not return together.
    """
    drawn = jitter(0, FIRST_PAUSE_SECONDS * 2**attempt)
    return drawn + int(failure.headers.get("Retry-After", 0))


def retry_after_seconds(headers: httpx.Headers) -> int | None:
    """Retry-After (RFC 9110, section 10.2.3), a number or a date, None without a usable one."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), MAX_RETRY_AFTER_SECONDS)
    moment = parse_http_date(value)
    if moment is None:
        return None
    return min(max(0, round((moment - now()).total_seconds())), MAX_RETRY_AFTER_SECONDS)
