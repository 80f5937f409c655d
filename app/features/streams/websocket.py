"""Lifetime of a WebSocket: why it ends, and what ends it."""

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from fastapi import WebSocket, WebSocketDisconnect

from app.features.streams.session_revalidation import Watched
from app.http.close_codes import CloseCode

# A close code (RFC 6455, section 7.4), ours or that of a protocol, and the reason.
CloseReason = tuple[int, str]


async def first_to_end(*works: Coroutine[Any, Any, CloseReason | None]) -> CloseReason | None:
    """Return what the first of them returns; cancel the others."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next((reason for task in done if (reason := task.result())), None)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until_ended(watched: Watched) -> CloseReason:
    """Wait until the credential of the caller expires or is revoked."""
    await watched.ended.wait()
    return CloseCode.CREDENTIAL_ENDED, watched.reason


async def close(websocket: WebSocket, reason: CloseReason) -> None:
    """Close the WebSocket unless the client has done so."""
    with suppress(WebSocketDisconnect, RuntimeError):
        await websocket.close(*reason)
