"""Response cache: serialized responses that are the same for all permitted callers, per process.

See docs/adr/0021-response-cache.md.
"""

import hashlib
from dataclasses import dataclass

from fastapi import Request
from fastapi.responses import Response

from app.http.etag_response import PRIVATE, known_tag
from app.http.preconditions import Validators
from app.runtime.single_flight_cache import SingleFlightCache

# Notifications on this channel carry the name of a response to invalidate.
CHANNEL = "response_cache"
# Bounds staleness if a notification is lost.
LIFETIME_SECONDS = 5.0
# Names are constants of the service; this is more than it has.
MAX_ENTRIES = 100


@dataclass(frozen=True, slots=True)
class CachedResponse:
    body: bytes
    etag: str


class ResponseCache(SingleFlightCache[str, CachedResponse]):
    """Cached responses by name."""

    def __init__(self) -> None:
        super().__init__(max_entries=MAX_ENTRIES)


def cacheable(body: bytes) -> tuple[CachedResponse, float]:
    """Return the response, and for how many seconds to cache it."""
    return CachedResponse(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'), LIFETIME_SECONDS


def cached_response(request: Request, cached: CachedResponse) -> Response:
    """Return the cached response, or 304 if the client has it.

    Raises:
        PreconditionFailed: the precondition of a read does not hold.
    """
    headers = {"ETag": cached.etag, "Cache-Control": PRIVATE}
    if known := known_tag(request, Validators(cached.etag)):
        return Response(status_code=304, headers={**headers, "ETag": known})
    return Response(cached.body, 200, headers, "application/json")
