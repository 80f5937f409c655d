"""Clients behind reverse proxies: limits, sessions and the log see one address."""

from collections.abc import AsyncIterator

import pytest
from fastapi import FastAPI
from httpx2 import ASGITransport, AsyncClient
from starlette.types import Scope

from app.features.users.models.user import User
from app.http.forwarding import resolve_client
from app.network.client_address import TrustedProxies
from tests.conftest import Running
from tests.factories import PASSWORD

PROXY = "10.0.0.1"
ME = "/api/v1/users/me"
LIMIT = 5
SPELLINGS = (
    "2001:db8:1:2::1",
    "2001:DB8:1:2::1",
    "2001:0db8:0001:0002:0000:0000:0000:0001",
    "[2001:db8:1:2::1]",
    "[2001:db8:1:2::1]:4711",
    "2001:db8:1:2::1%eth0",
    "2001:db8:1:2:ffff:ffff:ffff:ffff",
)


@pytest.fixture
async def limited(app: FastAPI, running: Running) -> AsyncIterator[FastAPI]:
    """An application with small limits, behind a proxy; `app` empties the tables."""
    changes = {
        "forwarded_allow_ips": f"{PROXY},10.1.0.0/16",
        "rate_limit_default": f"{LIMIT}/hour",
        "attempts_per_address": LIMIT,
    }
    async with running(**changes) as limited:
        yield limited


def client_at(app: FastAPI, peer: str, *forwarded: str) -> AsyncClient:
    headers = [("X-Forwarded-For", each) for each in forwarded]
    transport = ASGITransport(app, client=(peer, 4711))
    return AsyncClient(transport=transport, base_url="http://test", headers=headers)


async def rejections(app: FastAPI, *clients: tuple[str, ...]) -> set[int]:
    """How many requests got 429, one of each client: of general limits and of mails."""
    return {
        [await status_of(client_at(app, *client), path) for client in clients].count(429)
        for path in (ME, "/api/v1/auth/forgot-password")
    }


async def status_of(client: AsyncClient, path: str) -> int:
    async with client:
        if path == ME:
            return (await client.get(ME)).status_code
        return (await client.post(path, json={"email": "ada@example.com"})).status_code


class TestLimits:
    async def test_spellings_of_one_address_and_its_network_share_a_quota(
        self, limited: FastAPI
    ) -> None:
        clients = [(PROXY, each) for each in SPELLINGS]

        assert await rejections(limited, *clients) == {len(SPELLINGS) - LIMIT}

    async def test_peers_of_one_network_share_a_quota(self, limited: FastAPI) -> None:
        peers = [(f"2001:db8:1:2::{number:x}",) for number in range(12)]

        assert await rejections(limited, *peers) == {12 - LIMIT}

    async def test_mapped_peers_are_ipv4(self, limited: FastAPI) -> None:
        peers = [("203.0.113.7",), ("::ffff:203.0.113.7",), ("::ffff:cb00:7107",)] * 2

        assert await rejections(limited, *peers) == {1}

    async def test_client_cannot_choose_its_address(self, limited: FastAPI) -> None:
        """A proxy appends its entry; entries of the client are to its left."""
        chosen = [(PROXY, f"198.51.100.{number}, 203.0.113.7") for number in range(LIMIT + 1)]

        assert await rejections(limited, *chosen) == {1}

    async def test_untrusted_peer_cannot_choose_its_address(self, limited: FastAPI) -> None:
        chosen = [("203.0.113.7", f"198.51.100.{number}") for number in range(LIMIT + 1)]

        assert await rejections(limited, *chosen) == {1}

    async def test_invalid_address_counts_as_the_peer(self, limited: FastAPI) -> None:
        texts = ["not-an-address", "unknown", "_x", "", "a" * 500, "203.0.113.300"]

        assert await rejections(limited, *((PROXY, each) for each in texts)) == {1}

    async def test_clients_behind_one_proxy_have_their_own_quotas(self, limited: FastAPI) -> None:
        clients = [(PROXY, f"198.51.100.{number}") for number in range(LIMIT + 1)]

        assert await rejections(limited, *clients) == {0}


class TestSession:
    @pytest.mark.parametrize(
        ("forwarded", "address"),
        [
            (("1.1.1.1", "::ffff:203.0.113.7, 10.1.2.3"), "203.0.113.7"),
            (("[2001:DB8:1:2::0001]:4711",), "2001:db8:1:2::1"),
            (("not-an-address",), PROXY),
        ],
    )
    async def test_session_shows_the_canonical_client_address(
        self, limited: FastAPI, user: User, forwarded: tuple[str, ...], address: str
    ) -> None:
        login = {"username": user.username, "password": PASSWORD}
        async with client_at(limited, PROXY, *forwarded) as client:
            pair = (await client.post("/api/v1/auth/token", data=login)).json()

            bearer = {"Authorization": f"Bearer {pair['access_token']}"}
            listed = (await client.get("/api/v1/auth/sessions", headers=bearer)).json()

        assert [each["address"] for each in listed["items"]] == [address]


class TestScheme:
    @pytest.mark.parametrize(
        ("peer", "lines", "scheme"),
        [
            (PROXY, [b"https"], "https"),
            (PROXY, [b" HTTPS "], "https"),
            (PROXY, [b"http"], "http"),
            (PROXY, [b"http", b"https"], "https"),
            (PROXY, [b"https, http"], "http"),
            (PROXY, [b"javascript"], "http"),
            (PROXY, [b""], "http"),
            ("203.0.113.7", [b"https"], "http"),
        ],
    )
    def test_scheme_is_trusted_only_from_trusted_proxies(
        self, peer: str, lines: list[bytes], scheme: str
    ) -> None:
        headers = [(b"x-forwarded-proto", line) for line in lines]
        scope: Scope = {"type": "http", "scheme": "http", "client": (peer, 1), "headers": headers}

        resolve_client(scope, TrustedProxies.parse(PROXY))

        assert scope["scheme"] == scheme

    def test_scheme_of_a_websocket_is_wss(self) -> None:
        headers = [(b"x-forwarded-proto", b"https")]
        peer = (PROXY, 1)
        scope: Scope = {"type": "websocket", "scheme": "ws", "client": peer, "headers": headers}

        resolve_client(scope, TrustedProxies.parse(PROXY))

        assert scope["scheme"] == "wss"

    def test_unix_socket_has_no_address(self) -> None:
        scope: Scope = {"type": "http", "scheme": "http", "client": None, "headers": []}

        resolve_client(scope, TrustedProxies.parse(PROXY))

        assert scope["client"] is None
