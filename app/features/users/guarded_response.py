"""Guarded response: streamed bytes that end with the credential of their caller, or after a time.

A client decides how fast it reads, so a response may last much longer than the request that was
authenticated. It is broken off, which a client sees: neither its length nor its last chunk arrives.
"""

import asyncio
from collections.abc import AsyncIterable
from typing import Any

from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from app.db.resources import DatabaseResources
from app.errors import Unavailable
from app.observability.logging import get_logger
from app.resources import Resources, resources_of
from app.security.principals import Principal
from app.security.resources import SecurityResources

# A file of 20 MiB at 23 KiB/s.
MAX_SECONDS = 900.0
# A revocation takes effect within five seconds.
EVERY_SECONDS = 2.0

log = get_logger("streams")


class GuardedResponse(StreamingResponse):
    """A streaming response of a caller that was authenticated."""

    max_seconds = MAX_SECONDS
    every_seconds = EVERY_SECONDS

    def __init__(self, request: Request, content: AsyncIterable[Any], **rest: Any) -> None:
        super().__init__(content, **rest)
        self._principal: Principal = request.scope["principal"]
        self._resources = resources_of(request)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the response.

        Raises:
            ClientDisconnect: the time is over or the credential was revoked; the server closes
                the connection.
        """
        try:
            async with asyncio.timeout(self.max_seconds) as limit:
                watcher = asyncio.create_task(self._watch(limit))
                try:
                    await super().__call__(scope, receive, send)
                finally:
                    watcher.cancel()
        except TimeoutError:
            log.info("response broken off", path=scope["path"], user_id=str(self._principal.id))
            raise ClientDisconnect from None

    async def _watch(self, limit: asyncio.Timeout) -> None:
        """End the time limit once the credential is revoked."""
        is_permitted = True
        while is_permitted:
            await asyncio.sleep(self.every_seconds)
            is_permitted = await is_live(self._resources, self._principal)
        limit.reschedule(asyncio.get_running_loop().time())


async def is_live(resources: Resources, principal: Principal) -> bool:
    """Return whether the credential lives and the role is the same; true while unknown."""
    authenticators, reads = (
        resources[SecurityResources].authenticators,
        resources[DatabaseResources].reads,
    )
    credential = principal.credential
    if credential is None:
        return False
    try:
        live = await authenticators.find_live(reads, {credential})
    except Unavailable:
        return True  # The next check decides.
    return credential in live and live[credential]["role"] == principal.role
