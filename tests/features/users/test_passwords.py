"""Passwords: hashing in few threads, and rejection of common ones."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from statistics import median
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passlib.context import CryptContext

from app.features.users.passwords import (
    COMMON,
    IS_IDENTITY,
    MAX_LENGTH,
    PasswordHasher,
    common_passwords,
    password_problem,
)

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery staple"


@pytest.fixture
def hasher() -> Iterator[PasswordHasher]:
    """Too cheap for production, so that tests are fast."""
    hasher = PasswordHasher(memory_kib=64, time_cost=1)
    yield hasher
    hasher.close()


@pytest.fixture
def real_hasher() -> Iterator[PasswordHasher]:
    hasher = PasswordHasher()
    yield hasher
    hasher.close()


class TestHash:
    async def test_right_password_is_verified(self, hasher: PasswordHasher) -> None:
        hashed = await hasher.hash(PASSWORD)

        assert await hasher.verify(PASSWORD, hashed)
        assert not await hasher.verify(PASSWORD.title(), hashed)

    async def test_equal_passwords_have_different_hashes(self, hasher: PasswordHasher) -> None:
        assert await hasher.hash(PASSWORD) != await hasher.hash(PASSWORD)

    async def test_default_cost_follows_owasp(self, real_hasher: PasswordHasher) -> None:
        assert (await real_hasher.hash(PASSWORD)).startswith("$argon2id$v=19$m=19456,t=2,p=1$")

    @pytest.mark.parametrize(
        ("password", "other"),
        [
            pytest.param("before\0after", "before", id="NUL ends nothing"),
            pytest.param("x" * MAX_LENGTH, "x" * (MAX_LENGTH - 1), id="the last character counts"),
            pytest.param("\U0001f600" * MAX_LENGTH, "\U0001f600", id="four bytes a character"),
            pytest.param("\u212b\uff11", "\u00c51", id="only canonical forms are alike"),
            pytest.param(" space ", "space", id="nothing is stripped"),
        ],
    )
    async def test_every_character_counts(
        self, hasher: PasswordHasher, password: str, other: str
    ) -> None:
        hashed = await hasher.hash(password)

        assert await hasher.verify(password, hashed)
        assert not await hasher.verify(other, hashed)

    @pytest.mark.parametrize(
        ("password", "typed"),
        [
            pytest.param("Gr\u00f6\u00dfe", "Gro\u0308\u00dfe", id="NFC and NFD"),
            pytest.param("one\u00a0two\u3000three", "one two three", id="spaces of other scripts"),
        ],
    )
    async def test_normal_forms_of_one_password_are_equal(
        self, hasher: PasswordHasher, password: str, typed: str
    ) -> None:
        assert await hasher.verify(typed, await hasher.hash(password))
        assert await hasher.verify(password, await hasher.hash(typed))

    @pytest.mark.parametrize("password", ["Gro\u0308\u00dfe", "one\u00a0two", "bell\x07"])
    async def test_hash_from_before_normalization_still_verifies(self, password: str) -> None:
        cheap = PasswordHasher(memory_kib=8, time_cost=1)
        raw = CryptContext(schemes=["argon2"], argon2__memory_cost=64, argon2__time_cost=1)

        assert await cheap.verify(password, raw.hash(password.encode()))
        cheap.close()

    async def test_lone_surrogate_is_a_value_error(self, hasher: PasswordHasher) -> None:
        with pytest.raises(ValueError, match="surrogates"):
            await hasher.hash("\ud800")
        with pytest.raises(ValueError, match="surrogates"):
            await hasher.verify("\ud800", None)

    async def test_damaged_hash_is_a_value_error(self, hasher: PasswordHasher) -> None:
        with pytest.raises(ValueError, match="hash"):
            await hasher.verify(PASSWORD, "junk")


class TestUnknownUser:
    @pytest.mark.parametrize("password", [PASSWORD, "", "too many secrets"])
    async def test_no_password_is_right(self, hasher: PasswordHasher, password: str) -> None:
        assert await hasher.verify(password, None) is False

    async def test_verification_takes_as_long_as_for_a_known_user(
        self, real_hasher: PasswordHasher
    ) -> None:
        hashed = await real_hasher.hash(PASSWORD)
        await real_hasher.verify(PASSWORD, None)
        known, unknown = [], []

        for _ in range(15):
            known.append(await seconds_of_a_login(real_hasher, hashed))
            unknown.append(await seconds_of_a_login(real_hasher, None))

        assert median(unknown) == pytest.approx(median(known), rel=0.25)


async def seconds_of_a_login(hasher: PasswordHasher, hashed: str | None) -> float:
    start = process_time()
    await hasher.verify("a wrong password", hashed)
    return process_time() - start


class TestNeedsRehash:
    async def test_current_hash_needs_no_rehash(self, hasher: PasswordHasher) -> None:
        assert not hasher.needs_rehash(await hasher.hash(PASSWORD))

    async def test_cheaper_hash_is_replaced(
        self, hasher: PasswordHasher, real_hasher: PasswordHasher
    ) -> None:
        assert real_hasher.needs_rehash(await hasher.hash(PASSWORD))


class TestConcurrency:
    async def test_many_logins_share_two_threads(self, hasher: PasswordHasher) -> None:
        before = set(threading.enumerate())
        hashed = await hasher.hash(PASSWORD)

        logins = await asyncio.gather(*(hasher.verify(PASSWORD, hashed) for _ in range(200)))

        assert all(logins)
        assert len(set(threading.enumerate()) - before) <= 2

    async def test_event_loop_is_not_blocked(self, real_hasher: PasswordHasher) -> None:
        logins = asyncio.gather(*(real_hasher.verify(PASSWORD, None) for _ in range(4)))

        ticks = [tick async for tick in ticks_until(logins)]

        assert len(ticks) > 5

    async def test_closed_hasher_rejects_work(self, hasher: PasswordHasher) -> None:
        hasher.close()

        with pytest.raises(RuntimeError, match="shutdown"):
            await hasher.hash(PASSWORD)


async def ticks_until(done: "asyncio.Future[list[bool]]") -> AsyncIterator[int]:
    while not done.done():
        await asyncio.sleep(0)
        yield 1


def problem(password: str) -> object:
    return password_problem(password, email="Alice.Doe@example.com", username="Wonder_Alice_1")


class TestPasswordProblem:
    @pytest.mark.parametrize(
        "password",
        [
            "q1w2e3r4t5y6",
            "QWERTY123456",
            "  123qweasdzxc ",
            "\uff11qaz\uff12wsx3edc",
            "internationally",
            "aaaaaaaaaaaa",
            "\u00e9" * MAX_LENGTH,
            "passwordPASSWORD",
            "abcabcabcabcab",
            "123456789012",
            "987654321098",
            "qwertyuiopas",
            "zyxwvutsrqponm",
            " " * 12,
        ],
    )
    def test_guessable_password_is_common(self, password: str) -> None:
        assert problem(password) == COMMON

    @pytest.mark.parametrize(
        "password", ["alice.doe@example.com", " ALICE.DOE@EXAMPLE.COM", "wonder_alice_1"]
    )
    def test_identity_is_no_password(self, password: str) -> None:
        assert problem(password) == IS_IDENTITY

    @pytest.mark.parametrize(
        "password", [PASSWORD, "Xk9$mQ2!vLp7", "\U0001f600 and eleven more", "\0" + PASSWORD]
    )
    def test_any_other_password_is_accepted(self, password: str) -> None:
        assert problem(password) is None

    @given(st.text(min_size=12, max_size=MAX_LENGTH))
    def test_any_text_can_be_checked(self, password: str) -> None:
        assert problem(password) in {None, COMMON, IS_IDENTITY}

    def test_codes_are_stable(self) -> None:
        assert (COMMON.code, IS_IDENTITY.code) == ("password_common", "password_is_identity")

    def test_list_contains_the_3000_passwords_of_asvs(self) -> None:
        assert len(common_passwords()) >= 3000
