"""A guard for continuous integration: reading an item may cost no more than bare FastAPI.

    python -m benchmarks.smoke

Measures this service and the same work in FastAPI over an asyncpg pool, in turns within one
run, and exits with 1 when the median of the ratios is above the limit. Takes half a minute.
"""

import asyncio
import statistics

from benchmarks.answers import check_answers
from benchmarks.catalogue import fill, sign_in_callers, workloads
from benchmarks.laboratory import Running, laboratory, running
from benchmarks.load import Request
from benchmarks.measuring import measure
from benchmarks.servers import BARE_FASTAPI, SERVICE

MAX_RATIO = 1.0
ROUNDS = 5
SECONDS = 1
ITEMS = 20_000


def main() -> int:
    BARE_FASTAPI.prepare()
    with (
        laboratory() as place,
        running(SERVICE, place) as service,
        running(BARE_FASTAPI, place) as bare,
    ):
        asyncio.run(fill(place.url, ITEMS))
        requests = workloads(sign_in_callers(place.url, service.port))
        check_answers([service, bare], requests)
        ratio(service, bare, requests["get"])  # Statements are prepared, caches are filled.
        ratios = sorted(ratio(service, bare, requests["get"]) for _ in range(ROUNDS))
    middle = statistics.median(ratios)
    rounds = ", ".join(f"{each:.2f}" for each in ratios)
    print(f"GET of an item: {middle:.2f} times bare FastAPI + asyncpg (rounds: {rounds})")
    print(f"  at most {MAX_RATIO:g}: {'kept' if middle <= MAX_RATIO else 'BROKEN'}")
    return int(middle > MAX_RATIO)


def ratio(service: Running, bare: Running, requests: list[Request]) -> float:
    """CPU time of ours over that of the other, one right after the other."""
    ours, theirs = (measure(each, requests, SECONDS) for each in (service, bare))
    if ours.errors or theirs.errors:
        raise RuntimeError("A request was answered with an error.")
    return ours.cpu / theirs.cpu


if __name__ == "__main__":
    raise SystemExit(main())
