"""Fair queue: clients are served in turn, and no event loop iteration starts many requests."""

import asyncio
from collections import Counter

from app.http.load_shedding.fair_queue import RequestPacer

PER_ITERATION = 2


async def played(requests: list[tuple[str, bytes]]) -> tuple[list[tuple[str, bytes]], list[int]]:
    """The requests in the order in which they start, and how many start in each iteration."""
    pacer, iteration, started = RequestPacer(PER_ITERATION), 0, []
    per_iteration: Counter[int] = Counter()

    async def request(network: str, credential: bytes) -> None:
        if not pacer.try_start():
            await pacer.wait((network, credential))
        started.append((network, credential))
        per_iteration[iteration] += 1

    waiting = [asyncio.create_task(request(*each)) for each in requests]
    while not all(each.done() for each in waiting):
        await asyncio.sleep(0)
        iteration += 1
    return started, list(per_iteration.values())


async def test_burst_is_spread_over_iterations() -> None:
    started, per_iteration = await played([("192.0.2.1", b"a")] * 101)

    assert len(started) == 101
    assert max(per_iteration) == PER_ITERATION


async def test_client_does_not_wait_for_all_requests_of_another() -> None:
    other = ("192.0.2.1", b"b")

    started, _ = await played([("192.0.2.1", b"a")] * 100 + [other])

    assert started.index(other) <= PER_ITERATION + 1


async def test_invented_credentials_share_the_slots_of_their_network() -> None:
    other = ("192.0.2.2", b"")

    started, _ = await played([("192.0.2.1", b"%d" % n) for n in range(100)] + [other])

    assert started.index(other) <= PER_ITERATION + 1


async def test_requests_of_one_client_start_in_order() -> None:
    pacer, started = RequestPacer(PER_ITERATION), list[int]()

    await asyncio.gather(*(request(pacer, number, started) for number in range(20)))

    assert started == list(range(20))


async def test_cancelled_request_delays_no_other() -> None:
    pacer, started = RequestPacer(1), list[int]()
    first, cancelled, last = (
        asyncio.create_task(request(pacer, number, started)) for number in range(3)
    )
    asyncio.get_running_loop().call_soon(cancelled.cancel)

    async with asyncio.timeout(20):
        await asyncio.gather(first, last)

    assert cancelled.cancelled()
    assert started == [0, 2]


async def request(pacer: RequestPacer, number: int, started: list[int]) -> None:
    if not pacer.try_start():
        await pacer.wait(("192.0.2.1", b"a"))
    started.append(number)
