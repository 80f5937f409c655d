"""Principal cache: the principals of verified credentials, for a few seconds."""

import time
import uuid

from app.runtime.single_flight_cache import SingleFlightCache
from app.security.principals import Principal

# The payload is the id of a user whose permissions changed.
CHANNEL = "principals"
# Revocation is published and takes effect at once; after a lost notification, the lifetime
# limits the delay to less than the promised five seconds.
LIFETIME_SECONDS = 4.0
MAX_ENTRIES = 10_000


class PrincipalCache(SingleFlightCache[str, Principal]):
    """Principals by credential."""

    def __init__(self, *, max_entries: int = MAX_ENTRIES) -> None:
        super().__init__(max_entries=max_entries)

    def invalidate_user(self, user_id: uuid.UUID) -> None:
        """Remove the entries of a user whose permissions changed."""
        self.invalidate_where(lambda principal: principal.id == user_id)


def lifetime(expires_at: float) -> float:
    """Return for how many seconds to cache a principal; its credential expires in Unix seconds."""
    return min(LIFETIME_SECONDS, expires_at - time.time())
