"""A guard for continuous integration: what a read, a list and a create cost beside bare FastAPI.

    python -m benchmarks.smoke

Measures this service and the same work in FastAPI over an asyncpg pool, in turns within one
run, and exits with 1 when the median of the ratios of a workload is above its limit. The limits
leave room for noise: docs/benchmarks.md has what is measured. Takes a minute and a half.
"""

import asyncio
import statistics

from benchmarks.answers import check_answers
from benchmarks.catalogue import fill, sign_in_callers, workloads
from benchmarks.laboratory import Running, laboratory, running
from benchmarks.load import Request
from benchmarks.measuring import measure
from benchmarks.servers import BARE_FASTAPI, SERVICE

# Two runs: 0.84 and 0.69, 1.04 and 1.06, 1.15 and 1.03; single rounds up to 0.89, 1.21 and 1.76.
MAX_RATIOS = {"get": 1.1, "list": 1.4, "create": 1.6}
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
        print("CPU time in times of bare FastAPI + asyncpg:")
        kept = [is_kept(name, service, bare, requests[name]) for name in MAX_RATIOS]
    return int(not all(kept))


def is_kept(name: str, service: Running, bare: Running, requests: list[Request]) -> bool:
    """Measure one workload in rounds, print the result, and return whether it keeps its limit."""
    ratio(service, bare, requests)  # Statements are prepared, caches are filled.
    ratios = sorted(ratio(service, bare, requests) for _ in range(ROUNDS))
    middle, most = statistics.median(ratios), MAX_RATIOS[name]
    rounds = ", ".join(f"{each:.2f}" for each in ratios)
    verdict = "kept" if middle <= most else "BROKEN"
    print(f"  {name}: {middle:.2f}, at most {most:g}: {verdict} (rounds: {rounds})")
    return middle <= most


def ratio(service: Running, bare: Running, requests: list[Request]) -> float:
    """CPU time of ours over that of the other, one right after the other."""
    ours, theirs = (measure(each, requests, SECONDS) for each in (service, bare))
    if ours.errors or theirs.errors:
        raise RuntimeError("A request was answered with an error.")
    return ours.cpu / theirs.cpu


if __name__ == "__main__":
    raise SystemExit(main())
