"""The principal cache: lifetime, bounds and revocation."""

import asyncio
import time
import uuid

import pytest
import time_machine

from app.errors import InvalidToken
from app.security.principal_cache import PrincipalCache
from app.security.principals import Principal, Role

ADA = Principal(uuid.UUID(int=1), Role.USER, frozenset())
BOB = Principal(uuid.UUID(int=2), Role.USER, frozenset())


class Verification:
    """Loads a principal after it is released."""

    def __init__(self, principal: Principal = ADA, *, lives_seconds: float = 900) -> None:
        self.principal = principal
        self.expires_at = time.time() + lives_seconds
        self.calls = 0
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def __call__(self) -> tuple[Principal, float]:
        self.calls += 1
        await self.go_on.wait()
        return self.principal, self.expires_at


async def refuse() -> tuple[Principal, float]:
    raise InvalidToken


class TestResolve:
    async def test_verifies_once(self) -> None:
        cache, verify = PrincipalCache(), Verification()

        principals = [await cache.resolve("token", verify) for _ in range(3)]

        assert (principals, verify.calls) == ([ADA] * 3, 1)

    async def test_many_at_once_share_a_verification(self) -> None:
        cache, verify = PrincipalCache(), Verification()

        await asyncio.gather(*(cache.resolve("token", verify) for _ in range(10)))

        assert verify.calls == 1

    async def test_verifies_again_after_a_few_seconds(self) -> None:
        cache, verify = PrincipalCache(), Verification()
        with time_machine.travel(time.time(), tick=False) as clock:
            await cache.resolve("token", verify)
            clock.shift(4)
            await cache.resolve("token", verify)

        assert verify.calls == 2

    async def test_entry_ends_when_the_credential_expires(self) -> None:
        with time_machine.travel(time.time(), tick=False) as clock:
            cache, verify = PrincipalCache(), Verification(lives_seconds=1)
            await cache.resolve("token", verify)
            clock.shift(1)
            await cache.resolve("token", verify)

        assert verify.calls == 2

    async def test_rejection_is_not_cached(self) -> None:
        cache = PrincipalCache()
        with pytest.raises(InvalidToken):
            await cache.resolve("token", refuse)

        assert await cache.resolve("token", Verification()) == ADA

    async def test_is_bounded(self) -> None:
        cache, verify = PrincipalCache(max_entries=2), Verification()

        for credential in ("a", "b", "c", "a"):
            await cache.resolve(credential, verify)

        assert verify.calls == 4


class TestInvalidation:
    async def test_drops_everything_of_the_user_and_nothing_else(self) -> None:
        cache, ada, bob = PrincipalCache(), Verification(), Verification(BOB)
        for _ in range(2):
            await cache.resolve("a", ada)
            await cache.resolve("a2", ada)
            await cache.resolve("b", bob)
            cache.invalidate(ADA.id)

        assert (ada.calls, bob.calls) == (4, 1)

    async def test_credential_revoked_during_verification_is_not_cached(self) -> None:
        cache, verify = PrincipalCache(), Verification()
        verify.go_on.clear()
        asked = asyncio.create_task(cache.resolve("token", verify))
        await asyncio.sleep(0)

        cache.invalidate(ADA.id)
        verify.go_on.set()
        await asked
        await cache.resolve("token", verify)

        assert verify.calls == 2

    async def test_later_caller_does_not_join_an_earlier_verification(self) -> None:
        cache, verify = PrincipalCache(), Verification()
        verify.go_on.clear()
        before = asyncio.create_task(cache.resolve("token", verify))
        await asyncio.sleep(0)
        cache.invalidate(ADA.id)

        with pytest.raises(InvalidToken):
            await cache.resolve("token", refuse)

        verify.go_on.set()
        assert await before == ADA

    async def test_clear_drops_everything(self) -> None:
        cache, verify = PrincipalCache(), Verification()
        await cache.resolve("token", verify)

        cache.clear()
        await cache.resolve("token", verify)

        assert verify.calls == 2
