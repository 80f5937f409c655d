"""Principal cache: lifetime and revocation; the rest is the single-flight cache."""

import time
import uuid
from functools import partial

import pytest
import time_machine

from app.security.principal_cache import PrincipalCache, lifetime
from app.security.principals import Principal, Role

ADA = Principal(uuid.UUID(int=1), Role.USER, frozenset())
BOB = Principal(uuid.UUID(int=2), Role.USER, frozenset())


async def verify(principal: Principal, *, valid_seconds: float = 900) -> tuple[Principal, float]:
    return principal, lifetime(time.time() + valid_seconds)


@pytest.mark.parametrize(("valid_seconds", "kept_seconds"), [(900, 4), (1, 1)])
async def test_is_kept_for_four_seconds_and_not_beyond_the_credential(
    valid_seconds: float, kept_seconds: float
) -> None:
    with time_machine.travel(time.time(), tick=False) as clock:
        cache = PrincipalCache()
        await cache.get("token", partial(verify, ADA, valid_seconds=valid_seconds))
        clock.shift(kept_seconds - 0.1)
        before = cache.peek("token")
        clock.shift(0.2)

        assert (before, cache.peek("token")) == (ADA, None)


async def test_revocation_removes_all_principals_of_the_user_and_no_others() -> None:
    cache = PrincipalCache()
    for credential, principal in (("a", ADA), ("a2", ADA), ("b", BOB)):
        await cache.get(credential, partial(verify, principal))

    cache.invalidate_user(ADA.id)

    assert [cache.peek(credential) for credential in ("a", "a2", "b")] == [None, None, BOB]
