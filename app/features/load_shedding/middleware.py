"""Load shedding: rejects requests with 503 when the process is saturated. Probes always pass."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.errors import Overloaded
from app.features.load_shedding.concurrency_limit import Client, ConcurrencyLimit
from app.features.load_shedding.limited_request import LimitedRequest
from app.features.load_shedding.pacer import RequestPacer
from app.features.load_shedding.settings import LoadSheddingSettings
from app.http.health import PROBES
from app.http.problem_details import problem_response
from app.network.client_address import client_network
from app.security.request_credentials import CREDENTIAL_FIELDS


class LoadSheddingMiddleware:
    """Bounds concurrency and duration in one layer, because each layer costs the hot path."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._timeout_seconds = settings.of(LoadSheddingSettings).request_timeout_seconds
        self._pacer = RequestPacer()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        client = client_of(scope)
        deadline = asyncio.get_running_loop().time() + self._timeout_seconds
        limit: ConcurrencyLimit = scope["app"].state.resources[ConcurrencyLimit]
        await self._pacer.wait(client)
        try:
            await limit.acquire(client)
        except Overloaded as error:
            scope["state"]["is_rejected"] = True
            await problem_response(scope, error)(scope, receive, send)
            return
        if scope["type"] == "websocket":
            # Only its start needs a slot: its duration has limits of its own.
            limit.leave(client)
            await self.app(scope, receive, send)
        else:
            limited = scope["state"]["limits"] = LimitedRequest(limit, client, scope, receive, send)
            try:
                await limited.run(self.app, deadline=deadline)
            finally:
                del scope["state"]["limits"]  # A cycle that only garbage collection would free.


def client_of(scope: Scope) -> Client:
    peer = scope.get("client")
    sent = (bytes(value) for name, value in scope["headers"] if name in CREDENTIAL_FIELDS)
    return client_network(peer[0]) if peer else "", next(sent, b"")
