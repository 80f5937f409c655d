"""The cache of principals: bounded in time and space, and forgetful on request."""

import math
import time
import uuid

import pytest
import time_machine

from app.core.identity import Principal, Role
from app.core.principal_cache import PrincipalCache


def somebody(user_id: uuid.UUID | None = None) -> Principal:
    return Principal(user_id or uuid.uuid4(), Role.USER, frozenset())


def remember(
    cache: PrincipalCache,
    credential: str,
    principal: Principal | None = None,
    expires_at: float = math.inf,
) -> Principal:
    principal = principal or somebody()
    cache.put(credential, principal, expires_at=expires_at, epoch=cache.epoch)
    return principal


@pytest.fixture
def cache() -> PrincipalCache:
    return PrincipalCache(lifetime_seconds=4, max_entries=3)


class TestGet:
    def test_unknown_credential_is_none(self, cache: PrincipalCache) -> None:
        assert cache.get("token") is None

    def test_known_credential_is_its_principal(self, cache: PrincipalCache) -> None:
        principal = remember(cache, "token")

        assert cache.get("token") is principal

    def test_entry_ends_with_its_lifetime(self, cache: PrincipalCache) -> None:
        with time_machine.travel(1_000_000, tick=False) as traveller:
            remember(cache, "token")
            traveller.shift(3.9)
            assert cache.get("token") is not None
            traveller.shift(0.1)
            assert cache.get("token") is None

    def test_entry_ends_with_its_credential(self, cache: PrincipalCache) -> None:
        with time_machine.travel(1_000_000, tick=False) as traveller:
            remember(cache, "token", expires_at=time.time() + 1)
            traveller.shift(1)
            assert cache.get("token") is None

    def test_lifetime_is_shorter_than_what_is_promised(self) -> None:
        cache = PrincipalCache()

        with time_machine.travel(1_000_000, tick=False) as traveller:
            remember(cache, "token")
            traveller.shift(5)
            assert cache.get("token") is None

    def test_hits_and_misses_are_counted(self, cache: PrincipalCache) -> None:
        remember(cache, "token")

        for credential in ("token", "token", "other"):
            cache.get(credential)

        assert (cache.hits, cache.misses) == (2, 1)


class TestPut:
    def test_oldest_makes_room(self, cache: PrincipalCache) -> None:
        for credential in "abcd":
            remember(cache, credential)

        assert cache.get("a") is None
        assert all(cache.get(credential) for credential in "bcd")

    def test_same_credential_takes_no_room(self, cache: PrincipalCache) -> None:
        for credential in "abccc":
            remember(cache, credential)

        assert all(cache.get(credential) for credential in "abc")

    def test_what_was_revoked_meanwhile_is_not_remembered(self, cache: PrincipalCache) -> None:
        principal, epoch = somebody(), cache.epoch

        cache.forget(principal.id)
        cache.put("token", principal, expires_at=math.inf, epoch=epoch)

        assert cache.get("token") is None


class TestForget:
    def test_every_credential_of_the_user_is_gone(self, cache: PrincipalCache) -> None:
        user_id = uuid.uuid4()
        for credential in "ab":
            remember(cache, credential, somebody(user_id))
        remember(cache, "c")

        cache.forget(user_id)

        assert [bool(cache.get(credential)) for credential in "abc"] == [False, False, True]

    def test_unknown_user_is_no_error(self, cache: PrincipalCache) -> None:
        cache.forget(uuid.uuid4())

    def test_clear_forgets_all(self, cache: PrincipalCache) -> None:
        remember(cache, "token")

        cache.clear()

        assert cache.get("token") is None
