"""Request pacer: few requests start in one iteration of the event loop, and clients take turns."""

import asyncio
from collections import Counter

from app.features.load_shedding.concurrency_limit import Client
from app.features.load_shedding.pacer import RequestPacer
from tests.polling import PATIENCE_SECONDS

PER_ITERATION = 2
A, SAME_NETWORK, OTHER_NETWORK = ("192.0.2.1", b"a"), ("192.0.2.1", b"b"), ("192.0.2.2", b"")


async def run(requests: list[Client]) -> tuple[list[Client], list[int]]:
    """Return the requests in the order in which they start, and how many start per iteration."""
    pacer, iteration, started = RequestPacer(PER_ITERATION), 0, list[Client]()
    per_iteration: Counter[int] = Counter()

    async def request(client: Client) -> None:
        await pacer.wait(client)
        started.append(client)
        per_iteration[iteration] += 1

    tasks = [asyncio.create_task(request(each)) for each in requests]
    while not all(each.done() for each in tasks):
        await asyncio.sleep(0)
        iteration += 1
    return started, list(per_iteration.values())


async def test_burst_is_spread_over_iterations() -> None:
    started, per_iteration = await run([A] * 101)

    assert len(started) == 101
    assert max(per_iteration) == PER_ITERATION


async def test_client_does_not_wait_for_all_requests_of_another() -> None:
    started, _ = await run([A] * 100 + [SAME_NETWORK])

    assert started.index(SAME_NETWORK) <= PER_ITERATION + 1


async def test_made_up_credentials_share_the_turns_of_their_network() -> None:
    started, _ = await run([("192.0.2.1", b"%d" % n) for n in range(100)] + [OTHER_NETWORK])

    assert started.index(OTHER_NETWORK) <= PER_ITERATION + 1


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

    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(first, last)

    assert cancelled.cancelled()
    assert started == [0, 2]


async def request(pacer: RequestPacer, number: int, started: list[int]) -> None:
    await pacer.wait(A)
    started.append(number)
