"""Principal cache: lifetime and revocation; the rest is the single-flight cache."""

import time
import uuid
from functools import partial

from app.security.principal_cache import LIFETIME_SECONDS, PrincipalCache, lifetime
from app.security.principals import Principal, Role

ADA = Principal(uuid.UUID(int=1), Role.USER, frozenset())
BOB = Principal(uuid.UUID(int=2), Role.USER, frozenset())


async def verify(principal: Principal) -> tuple[Principal, float]:
    return principal, LIFETIME_SECONDS


def test_is_kept_for_less_than_five_seconds_and_not_beyond_the_credential() -> None:
    now = time.time()

    assert lifetime(now + 900) == LIFETIME_SECONDS < 5
    assert lifetime(now + 1) <= 1
    assert lifetime(now) <= 0


async def test_revocation_removes_all_principals_of_the_user_and_no_others() -> None:
    cache = PrincipalCache()
    for credential, principal in (("a", ADA), ("a2", ADA), ("b", BOB)):
        await cache.get(credential, partial(verify, principal))

    cache.invalidate_user(ADA.id)

    assert [cache.peek(credential) for credential in ("a", "a2", "b")] == [None, None, BOB]
