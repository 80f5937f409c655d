"""Retries: the retry budget, and the back-off before the next attempt."""

import httpx

from app.errors import AppError
from app.http.http_dates import parse_http_date
from app.runtime.clock import now
from app.runtime.jitter import jitter

ATTEMPTS = 3
FIRST_PAUSE_SECONDS = 0.1
MAX_RETRY_AFTER_SECONDS = 3600


class RetryBudget:
    """Limits retries to a tenth of all requests, so that retries do not worsen an outage.

    `reserve` is the number of retries available to an idle process.
    """

    def __init__(self, *, share: float = 0.1, reserve: float = 10) -> None:
        self._share = share
        self._reserve = reserve
        self._left = reserve

    def earn(self) -> None:
        """Add to the budget for a first attempt."""
        self._left = min(self._reserve, self._left + self._share)

    def spend(self) -> bool:
        """Take one retry from the budget; return False if it is used up."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def pause_seconds(attempt: int, failure: AppError) -> float:
    """Return the pause after an attempt (the first is 0): Retry-After plus exponential back-off.

    The back-off has full jitter, so that requests that failed together do not retry together.
    """
    drawn = jitter(0, FIRST_PAUSE_SECONDS * 2**attempt)
    return drawn + int(failure.headers.get("Retry-After", 0))


def retry_after_seconds(headers: httpx.Headers) -> int | None:
    """Return Retry-After in seconds (RFC 9110, section 10.2.3), None if absent or invalid."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), MAX_RETRY_AFTER_SECONDS)
    moment = parse_http_date(value)
    if moment is None:
        return None
    return min(max(0, round((moment - now()).total_seconds())), MAX_RETRY_AFTER_SECONDS)
