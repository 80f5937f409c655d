"""Lifetime of a WebSocket: close reasons, and the tasks that end the connection."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from app.features.streams.close_codes import CloseCode
from app.features.streams.session_revalidation import ConnectionGuard

# A close code (RFC 6455, section 7.4, or of a subprotocol) and the reason.
CloseReason = tuple[int, str]


async def first_to_end(*works: Coroutine[Any, Any, CloseReason | None]) -> CloseReason | None:
    """Return the result of the first coroutine to end; cancel the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next((reason for task in done if (reason := task.result())), None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_ended(guard: ConnectionGuard) -> CloseReason:
    """Wait until the credential of the caller expires or is revoked."""
    await guard.ended.wait()
    return CloseCode.CREDENTIAL_ENDED, guard.reason


async def close(websocket: WebSocket, reason: CloseReason) -> None:
    """Close the WebSocket unless the client has closed it."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(*reason)
