"""Session revalidation: an open stream ends with the permissions of its caller."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from fastapi import FastAPI
from fastapi.requests import HTTPConnection
from httpx2 import AsyncClient

from app.features.streams.lifespan import StreamResources
from app.features.streams.session_revalidation import ConnectionGuard, SessionRevalidation
from app.features.users.models.user import User
from app.security.authenticators import Authenticators
from app.security.credential_verification import authenticate
from app.security.principals import Principal
from app.security.resources import SecurityResources
from tests.conftest import As
from tests.factories import PASSWORD
from tests.polling import PATIENCE_SECONDS
from tests.state import reads_of, resources_of

Act = Callable[[AsyncClient, AsyncClient, User], Awaitable[object]]

ENDINGS: dict[str, Act] = {
    "logout": lambda client, _, __: client.post("/api/v1/auth/logout"),
    "logout everywhere": lambda client, _, __: client.post("/api/v1/auth/logout-all"),
    "deletion": lambda client, _, __: client.request(
        "DELETE", "/api/v1/users/me", json={"current_password": PASSWORD}
    ),
    "disabling": lambda _, admin, user: admin.patch(
        f"/api/v1/users/{user.id}", json={"is_active": False}
    ),
    "another role": lambda _, admin, user: admin.patch(
        f"/api/v1/users/{user.id}", json={"role": "guest"}
    ),
}


async def principal_of(app: FastAPI, client: AsyncClient) -> Principal:
    headers = [(name.lower().encode(), value.encode()) for name, value in client.headers.items()]
    scope = {"type": "websocket", "app": app, "headers": headers, "query_string": b""}
    return await authenticate(HTTPConnection(scope))


async def end(watched: ConnectionGuard) -> str:
    async with asyncio.timeout(PATIENCE_SECONDS):
        await watched.ended.wait()
    return watched.reason


class TestRevalidation:
    @pytest.mark.parametrize("ending", ENDINGS)
    async def test_stream_ends_with_its_session(
        self,
        app: FastAPI,
        as_user: As,
        admin: User,
        user: User,
        open_streams: Callable[[Principal], ConnectionGuard],
        ending: str,
    ) -> None:
        client = await as_user(user)
        watched = open_streams(await principal_of(app, client))
        bystander = open_streams(await principal_of(app, await as_user(admin)))
        await resources_of(app)[StreamResources].revalidation.work()

        await ENDINGS[ending](client, await as_user(admin), user)

        assert await end(watched) == "revoked"
        assert not bystander.ended.is_set()

    async def test_stream_ends_with_its_token(self, app: FastAPI, as_user: As, user: User) -> None:
        caller = await principal_of(app, await as_user(user))
        soon = Principal(
            caller.id,
            caller.role,
            caller.scopes,
            credential=caller.credential,
            expires_at=time.time() + 0.1,
        )

        with resources_of(app)[StreamResources].revalidation.watch(soon) as watched:
            assert await end(watched) == "expired"

    async def test_lost_notification_is_recovered_by_polling(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        client = await as_user(user)
        async with without_notifications(app) as watcher:
            with watcher.watch(await principal_of(app, client)) as watched:
                await client.post("/api/v1/auth/logout")

                assert await end(watched) == "revoked"

    async def test_all_streams_share_one_statement(
        self, app: FastAPI, as_user: As, user: User
    ) -> None:
        watcher = SessionRevalidation(reads_of(app), authenticators_of(app))
        callers = [await principal_of(app, await as_user(user)) for _ in range(3)]
        before = reads_of(app).statements

        with watcher.watch(callers[0]), watcher.watch(callers[1]), watcher.watch(callers[2]):
            await watcher.work()

        assert reads_of(app).statements - before == 1

    async def test_no_streams_cost_no_statement(self, app: FastAPI) -> None:
        watcher = SessionRevalidation(reads_of(app), authenticators_of(app))
        before = reads_of(app).statements

        await watcher.work()

        assert reads_of(app).statements == before


def authenticators_of(app: FastAPI) -> Authenticators:
    return resources_of(app)[SecurityResources].authenticators


@asynccontextmanager
async def without_notifications(app: FastAPI) -> AsyncIterator[SessionRevalidation]:
    """A guard without notifications, as when a notification is lost."""
    watcher = SessionRevalidation(reads_of(app), authenticators_of(app), every_seconds=0.1)
    watcher.start()
    yield watcher
    await watcher.close()
