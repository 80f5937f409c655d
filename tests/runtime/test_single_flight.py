"""One computation for many callers."""

import asyncio

import pytest

from app.runtime.single_flight import SingleFlight


class Counting:
    def __init__(self) -> None:
        self.calls = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> int:
        self.calls += 1
        await self.may_end.wait()
        if self.calls == 1:
            raise ZeroDivisionError
        return self.calls


async def test_failure_reaches_all_waiters_and_is_not_cached() -> None:
    result, compute = SingleFlight[int](lifetime_seconds=60), Counting()
    waiting = [asyncio.create_task(result.get(compute)) for _ in range(3)]
    compute.may_end.set()

    failures = await asyncio.gather(*waiting, return_exceptions=True)

    assert [type(failure) for failure in failures] == [ZeroDivisionError] * 3
    assert [await result.get(compute) for _ in range(3)] == [2, 2, 2]


async def test_cancelled_caller_does_not_cancel_the_call_of_others() -> None:
    result, compute = SingleFlight[int](lifetime_seconds=0), Counting()
    compute.calls = 1
    leaving, staying = (asyncio.create_task(result.get(compute)) for _ in range(2))
    while compute.calls == 1:
        await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    compute.may_end.set()

    assert await staying == 2
