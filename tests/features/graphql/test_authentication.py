"""Authentication of GraphQL WebSockets by `connection_init`, as Apollo, urql and graphql-ws do."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
from fastapi import FastAPI

from app.errors import Overloaded
from app.features.graphql.anonymous_sockets import PER_NETWORK, AnonymousSockets
from app.features.graphql.channel import MAX_INIT_CHARACTERS, PROTOCOL
from app.features.graphql.lifespan import GraphQLResources
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import As, Running, Save, access_token
from tests.factories import make_user
from tests.features.graphql.follower import follower, unauthenticated
from tests.forged_tokens import forged_tokens, sendable
from tests.scenes import Scene
from tests.security.test_authorization import mixed_up, target
from tests.sockets import handshake
from tests.state import resources_of

OFFER = {"Sec-WebSocket-Protocol": PROTOCOL}


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    async with serving(app) as port:
        yield port


@pytest.fixture
async def bearer(app: FastAPI, user: User) -> str:
    return f"Bearer {await access_token(app, user)}"


async def close_of(port: int, payload: object) -> int | None:
    """Return the close code after `connection_init` with the payload."""
    async with unauthenticated(port) as client:
        await client.send(type="connection_init", payload=payload)
        return await client.close_code()


class TestInit:
    @pytest.mark.parametrize("name", ["Authorization", "authorization"])
    async def test_access_token_authenticates(self, port: int, bearer: str, name: str) -> None:
        async with unauthenticated(port) as client:
            await client.send(type="connection_init", payload={name: bearer, "locale": "en"})

            assert await client.receive() == {"type": "connection_ack"}

    @pytest.mark.parametrize(
        "payload",
        [None, {}, {"Authorization": ""}, {"Authorization": None}, {"Authorization": 7},
         {"Authorization": "Basic dXNlcjpwYXNzd29yZA=="}, {"token": "x"}],
    )  # fmt: skip
    async def test_missing_credential_is_unauthorized(self, port: int, payload: object) -> None:
        assert await close_of(port, payload) == 4401

    async def test_forged_tokens_are_forbidden(self, app: FastAPI, port: int, admin: User) -> None:
        forged = sendable(forged_tokens(await target(app, admin)))
        forged |= await mixed_up(Scene(app, admin))

        codes = {
            what: await close_of(port, {"Authorization": f"Bearer {token}"})
            for what, token in forged.items()
        }

        assert len(codes) >= 60
        assert {what: code for what, code in codes.items() if code != 4403} == {}

    async def test_unconfirmed_account_is_forbidden(
        self, app: FastAPI, port: int, save: Save
    ) -> None:
        token = await access_token(app, await save(make_user(email_verified=False)))

        assert await close_of(port, {"Authorization": f"Bearer {token}"}) == 4403

    async def test_two_credentials_are_a_bad_request(self, port: int, bearer: str) -> None:
        assert await close_of(port, {"Authorization": bearer, "authorization": bearer}) == 4400

    async def test_second_credential_after_the_handshake_is_a_bad_request(
        self, app: FastAPI, port: int, user: User, bearer: str
    ) -> None:
        async with follower(app, port, user) as client:
            await client.send(type="connection_init", payload={"Authorization": bearer})

            assert await client.close_code() == 4400

    async def test_revoked_session_ends_the_connection(
        self, port: int, user: User, bearer: str, as_user: As
    ) -> None:
        async with unauthenticated(port) as client:
            await client.send(type="connection_init", payload={"Authorization": bearer})
            await client.receive()

            await (await as_user(user)).post("/api/v1/auth/logout-all")

            assert await client.close_code() == 4403


class TestBounds:
    async def test_first_message_is_limited(self, port: int) -> None:
        assert await close_of(port, {"Authorization": "x" * MAX_INIT_CHARACTERS}) == 4400

    async def test_anonymous_connections_of_a_network_are_limited(self, port: int) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(PER_NETWORK):
                await stack.enter_async_context(unauthenticated(port))

            status, _, problem = await handshake(port, "/graphql", OFFER)

        assert (status, problem["code"]) == (429, "too_many_sockets")

    async def test_connections_are_anonymous_only_until_they_authenticate(
        self, app: FastAPI, port: int, bearer: str
    ) -> None:
        sockets = resources_of(app)[GraphQLResources].anonymous_sockets
        async with unauthenticated(port) as client:
            assert sockets.count == 1
            await client.send(type="connection_init", payload={"Authorization": bearer})
            await client.receive()

            assert sockets.count == 0

    async def test_sockets_of_a_user_are_limited(self, port: int, bearer: str) -> None:
        async with AsyncExitStack() as stack:
            for _ in range(5):
                client = await stack.enter_async_context(unauthenticated(port))
                await client.send(type="connection_init", payload={"Authorization": bearer})
                await client.receive()

            assert await close_of(port, {"Authorization": bearer}) == 1013

    async def test_wrong_credentials_count_against_the_address(self, running: Running) -> None:
        limit = {"rate_limit_enabled": True, "rate_limit_default": "3/minute"}
        async with running(**limit) as app, serving(app) as port:
            codes = [await close_of(port, {"Authorization": "Bearer wrong"}) for _ in range(2)]
            status, _, problem = await handshake(port, "/graphql", OFFER)

        # Each counts as a handshake and as a failure.
        assert codes == [4403, 1013]
        assert (status, problem["code"]) == (429, "rate_limited")

    def test_anonymous_connections_of_the_process_are_limited(self) -> None:
        sockets = AnonymousSockets(per_network=1, per_process=2)

        both = sockets.counted("a"), sockets.counted("b")
        with both[0], both[1], pytest.raises(Overloaded), sockets.counted("c"):
            pass
        with sockets.counted("c"):
            assert sockets.count == 1
