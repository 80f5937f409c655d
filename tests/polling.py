"""Polling with a deadline: the only place in the tests that sleeps."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 60.0
PAUSE_SECONDS = 0.01


async def eventually(
    condition: Callable[[], object] | Callable[[], Awaitable[object]],
    seconds: float = PATIENCE_SECONDS,
) -> None:
    """Evaluate the condition until it holds.

    Raises:
        TimeoutError: it did not hold within `seconds`.
    """
    async with asyncio.timeout(seconds):
        while not await result_of(condition()):
            await asyncio.sleep(PAUSE_SECONDS)


async def result_of(value: object) -> object:
    return await value if inspect.isawaitable(value) else value


async def sample(take: Callable[[], Awaitable[object]]) -> None:
    """Take a sample again and again, until the task is cancelled."""
    while True:
        await take()
        await asyncio.sleep(PAUSE_SECONDS)


def wait_until(
    condition: Callable[[], object],
    seconds: float = PATIENCE_SECONDS,
    *,
    pause_seconds: float = PAUSE_SECONDS,
) -> None:
    """Block until the condition holds, for what runs outside an event loop.

    Raises:
        TimeoutError: it did not hold within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"The condition did not hold within {seconds} seconds.")
        time.sleep(pause_seconds)
