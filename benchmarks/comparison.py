"""This service beside its peers: CPU time a request for the same work on the same database.

    python -m benchmarks.comparison [--runs 3] [--seconds 3] [--connections 4 32] [--only get]

Each run starts all servers again and measures each once for each operation and number of
connections, in turn. A run during which the machine was busy with other work is thrown away. A
run of everything writes benchmarks/results.json, docs/images/bench.svg and the tables of
docs/benchmarks.md; one of a part prints its tables only. Exits with 1 when an answer was an
error, and with 2 when too few runs were quiet.
"""

import argparse
import asyncio
import sys
from contextlib import ExitStack

from benchmarks import report
from benchmarks.answers import check_answers
from benchmarks.catalogue import fill, sign_in_callers, workloads
from benchmarks.extras import measure_extras
from benchmarks.laboratory import Running, laboratory, running
from benchmarks.load import Request
from benchmarks.measuring import measure
from benchmarks.other_load import MAX_OTHER_LOAD, other_load
from benchmarks.servers import SERVERS, Server, prepared
from benchmarks.targets import Run, samples_of

OPERATIONS = ("hello", "get", "list", "create")
CONNECTIONS = (4, 32)
WARM_UP_SECONDS = 1
# Of the runs that were asked for, so many may be thrown away.
SPARE_RUNS = 2


def main() -> int:
    options = parse()
    servers = prepared(options.servers)
    runs: list[Run] = []
    extras: dict[str, float] = {}
    for _ in range(options.runs + SPARE_RUNS):
        if len(runs) < options.runs:
            extras = run_once(servers, options, runs) or extras
    if len(runs) < options.runs:
        print(f"Only {len(runs)} runs were quiet: repeat it on a machine without other work.")
        return 2
    print(report.tables(runs))
    if is_whole(servers, options):
        report.publish(runs, extras, options.seconds)
    return int(any(sample.errors for run in runs for sample in samples_of(run)))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [server.name for server in SERVERS]
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=CONNECTIONS)
    parser.add_argument("--only", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--servers", nargs="+", choices=names, default=[])
    return parser.parse_args()


def is_whole(servers: list[Server], options: argparse.Namespace) -> bool:
    chosen = tuple(options.only), tuple(options.connections)
    return servers == SERVERS and chosen == (OPERATIONS, CONNECTIONS)


def run_once(
    servers: list[Server], options: argparse.Namespace, runs: list[Run]
) -> dict[str, float] | None:
    """Add one run, unless the machine was busy; return the figures of this service alone."""
    before = other_load()
    with laboratory() as place, ExitStack() as stack:
        asyncio.run(fill(place.url))
        started = [stack.enter_context(running(server, place)) for server in servers]
        callers = sign_in_callers(place.url, started[0].port)
        requests = workloads(callers)
        check_answers(started, requests)
        run = measured(started, {name: requests[name] for name in options.only}, options)
        extras = measure_extras(started[0], callers) if is_whole(servers, options) else {}
    busiest = max(before, other_load())
    verdict = "kept" if busiest <= MAX_OTHER_LOAD else "thrown away"
    print(f"  run with other load of {busiest:.0%} of a core: {verdict}", file=sys.stderr)
    if busiest > MAX_OTHER_LOAD:
        return None
    runs.append(run)
    return extras


def measured(
    started: list[Running], requests: dict[str, list[Request]], options: argparse.Namespace
) -> Run:
    """Measure in turn, so that noise meets all servers."""
    run: Run = {level: {each.server.name: {} for each in started} for level in options.connections}
    for operation, each in requests.items():
        print(f"  {operation}", file=sys.stderr)
        for server in started:
            measure(server, each, WARM_UP_SECONDS)
        for level in options.connections:
            for server in started:
                sample = measure(server, each, options.seconds, level)
                run[level][server.server.name][operation] = sample
    return run


if __name__ == "__main__":
    raise SystemExit(main())
