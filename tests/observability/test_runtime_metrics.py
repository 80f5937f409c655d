"""Runtime metrics: the own part of the event loop lag."""

import asyncio
import time

from app.observability.runtime_metrics import TICK_SECONDS, RuntimeMetrics


async def beat_after(seconds: float, *, computing: bool) -> float:
    """Return the own lag of the next tick after the loop was blocked for so long."""
    message: list[float] = []
    signs = RuntimeMetrics(on_tick=[message.append], samplers=[])
    pause = asyncio.create_task(signs.pause())
    await asyncio.sleep(0)
    until = time.monotonic() + TICK_SECONDS + seconds
    computed = time.thread_time() + TICK_SECONDS + seconds
    # By the time of the processor, of which other processes take their part on a busy machine.
    while computing and time.thread_time() < computed:
        pass
    time.sleep(max(0.0, until - time.monotonic()))  # noqa: ASYNC251  (as if others computed)
    await pause
    await signs.work()
    return message[0]


async def test_computing_counts_as_own_lag() -> None:
    assert await beat_after(0.5, computing=True) > 0.4


async def test_waiting_for_a_processor_is_not_own_lag() -> None:
    assert await beat_after(0.5, computing=False) < 0.01
