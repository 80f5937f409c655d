"""Login throttle: brute-force protection at the sign-in."""

import asyncio
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import text

from app.features.auth.login_throttle import WINDOW
from app.features.users.lifespan import UserResources
from app.features.users.models.user import User
from app.features.users.passwords import PasswordHasher
from tests.conftest import As, Running, new_client
from tests.factories import PASSWORD
from tests.features.conftest import statements
from tests.problems import assert_problem
from tests.state import reads_of, resources_of, units_of_work

TOKEN = "/api/v1/auth/token"
WRONG = "wrong"


async def sign_in(client: AsyncClient, login: str, password: str = WRONG) -> Response:
    return await client.post(TOKEN, data={"username": login, "password": password})


async def statuses(client: AsyncClient, logins: Iterable[str]) -> list[int]:
    return [(await sign_in(client, login)).status_code for login in logins]


async def execute(app: FastAPI, sql: str, **values: object) -> None:
    async with units_of_work(app).begin() as uow:
        await uow.session.execute(text(sql), values)


async def shift_windows(app: FastAPI, minutes: float) -> None:
    """Shift the windows into the past: it is the clock of the database that counts."""
    shift = "UPDATE throttles SET window_ends_at = window_ends_at - CAST(:time AS interval)"
    await execute(app, shift, time=timedelta(minutes=minutes))


class TestPerAccount:
    async def test_tenth_wrong_password_is_the_last_one_checked(
        self, client: AsyncClient, user: User
    ) -> None:
        assert await statuses(client, [user.email] * 12) == [401] * 10 + [429] * 2

    async def test_rejection_has_retry_after(self, client: AsyncClient, user: User) -> None:
        await statuses(client, [user.email] * 10)

        response = await sign_in(client, user.email, PASSWORD)

        assert_problem(response, 429, "too_many_attempts")
        seconds = WINDOW.total_seconds()
        assert seconds - 60 < int(response.headers["Retry-After"]) <= seconds

    async def test_unknown_accounts_are_limited_alike(self, client: AsyncClient) -> None:
        spelled = ["nobody", "NOBODY", "Nobody", "\uff4eobody"] * 3

        assert await statuses(client, spelled) == [401] * 10 + [429] * 2

    async def test_every_login_name_of_an_account_shares_one_count(
        self, client: AsyncClient, user: User
    ) -> None:
        spelled = [user.email, user.username, user.email.upper(), user.username.title()] * 3

        assert await statuses(client, spelled) == [401] * 10 + [429] * 2

    @pytest.mark.parametrize("known", [True, False])
    async def test_of_fifty_at_once_exactly_ten_are_checked(
        self, running: Running, user: User, known: bool
    ) -> None:
        login = user.email if known else "nobody"
        async with running(database_pool_timeout_seconds=30) as app, new_client(app) as client:
            responses = await asyncio.gather(*(sign_in(client, login) for _ in range(50)))

        counted = Counter(response.status_code for response in responses)
        assert counted == {401: 10, 429: 40}

    async def test_two_processes_count_together(
        self, app: FastAPI, running: Running, user: User
    ) -> None:
        async with (
            running(database_pool_timeout_seconds=30) as other,
            new_client(other) as there,
            new_client(app) as here,
        ):
            responses = await asyncio.gather(
                *(sign_in(client, user.email) for client in [here, there] * 10)
            )

        counted = Counter(response.status_code for response in responses)
        assert counted == {401: 10, 429: 10}

    async def test_right_password_after_nine_wrong_ones_resets_the_count(
        self, client: AsyncClient, user: User
    ) -> None:
        await statuses(client, [user.email] * 9)

        right = await sign_in(client, user.email, PASSWORD)

        assert right.status_code == 200
        assert await statuses(client, [user.email] * 11) == [401] * 10 + [429]

    async def test_other_accounts_are_not_affected(
        self, client: AsyncClient, user: User, other_user: User
    ) -> None:
        await statuses(client, [user.email] * 11)

        assert (await sign_in(client, other_user.email, PASSWORD)).status_code == 200

    async def test_owner_stays_signed_in(
        self, client: AsyncClient, as_user: As, user: User
    ) -> None:
        signed_in = await as_user(user)
        await statuses(client, [user.email] * 11)

        assert (await signed_in.get("/api/v1/users/me")).status_code == 200

    async def test_account_unlocks_a_window_after_the_last_attempt(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        await statuses(client, [user.email] * 10)
        await shift_windows(app, 14.5)
        still = await sign_in(client, user.email, PASSWORD)

        await shift_windows(app, 0.5)

        assert still.status_code == 429
        assert (await sign_in(client, user.email, PASSWORD)).status_code == 200

    async def test_no_interval_of_fifteen_minutes_has_more_than_ten_attempts(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        first = await statuses(client, [user.email])
        await shift_windows(app, 14.5)
        most = await statuses(client, [user.email] * 9)
        await shift_windows(app, 1)

        more = await statuses(client, [user.email] * 2)

        assert first + most + more == [401] * 10 + [429] * 2

    async def test_right_password_is_rejected_after_a_hundred_wrong_ones(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        await statuses(client, [user.email])
        await execute(app, "UPDATE throttles SET attempts = 0, consecutive_failures = 100")

        response = await sign_in(client, user.email, PASSWORD)

        assert_problem(response, 429, "too_many_attempts")

    async def test_rejected_attempt_is_not_counted(
        self, app: FastAPI, client: AsyncClient, user: User
    ) -> None:
        await statuses(client, [user.email] * 120)
        await shift_windows(app, 15)

        assert (await sign_in(client, user.email, PASSWORD)).status_code == 200


class TestPerAddress:
    async def test_limit_holds_over_all_accounts(self, running: Running, user: User) -> None:
        limits = {"attempts_per_address": 20, "database_pool_timeout_seconds": 30}
        async with running(**limits) as app, new_client(app) as client:
            guesses = await asyncio.gather(*(sign_in(client, f"user-{n}") for n in range(30)))
            right = await sign_in(client, user.email, PASSWORD)

        counted = Counter(response.status_code for response in guesses)
        assert counted == {401: 20, 429: 10}
        assert_problem(right, 429, "too_many_attempts")

    async def test_right_passwords_are_not_counted(self, running: Running, user: User) -> None:
        async with running(attempts_per_address=3) as app, new_client(app) as client:
            responses = [await sign_in(client, user.email, PASSWORD) for _ in range(5)]

        assert {response.status_code for response in responses} == {200}

    async def test_wrong_refresh_tokens_are_limited_and_right_ones_are_not(
        self, running: Running, user: User
    ) -> None:
        async with running(attempts_per_address=3) as app, new_client(app) as client:
            pair = (await sign_in(client, user.email, PASSWORD)).json()
            path = "/api/v1/auth/refresh"
            wrong = [await client.post(path, json={"refresh_token": "x"}) for _ in range(4)]
            right = await client.post(path, json={"refresh_token": pair["refresh_token"]})

        assert [response.status_code for response in wrong] == [401, 401, 401, 429]
        assert right.status_code == 200

    async def test_forgotten_passwords_are_limited(self, running: Running) -> None:
        async with running(attempts_per_address=3) as app, new_client(app) as client:
            path = "/api/v1/auth/forgot-password"
            bodies = [{"email": f"user{n}@example.com"} for n in range(4)]
            responses = [await client.post(path, json=body) for body in bodies]

        assert [response.status_code for response in responses] == [202, 202, 202, 429]


class CountingHasher(PasswordHasher):
    verified = 0

    async def verify(self, password: str, hash: str | None) -> bool:
        self.verified += 1
        return await super().verify(password, hash)


class TestSameWork:
    async def test_unknown_accounts_take_the_steps_of_known_ones(
        self, running: Running, user: User
    ) -> None:
        works = []
        async with running() as app, new_client(app) as client:
            for login in (user.email, "nobody"):
                hasher = CountingHasher()
                resources_of(app).add(UserResources(hasher))
                reads = reads_of(app).statements
                with statements(app) as writes:
                    await sign_in(client, login)
                works.append(
                    (
                        hasher.verified,
                        reads_of(app).statements - reads,
                        list(writes),
                    )
                )
                hasher.close()

        assert works[0] == works[1]
        assert works[0][:2] == (1, 1)
