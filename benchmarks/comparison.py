"""This service beside its peers: CPU time a request for the same work on the same database.

    python -m benchmarks.comparison [--rounds 3] [--seconds 4] [--only get] [--servers gin]

A run of everything writes benchmarks/results.json, docs/images/bench.svg and the tables of
docs/benchmarks.md; one of a part prints its table only. Exits with 1 when an answer was an
error.
"""

import argparse
import asyncio
import sys
from collections import defaultdict
from contextlib import ExitStack

from benchmarks import report
from benchmarks.answers import check_answers
from benchmarks.catalogue import fill, sign_in_callers, workloads
from benchmarks.extras import measure_extras
from benchmarks.laboratory import Running, laboratory, running
from benchmarks.load import Request
from benchmarks.measuring import Sample, measure, median
from benchmarks.servers import SERVERS, Server, prepared
from benchmarks.targets import Samples

OPERATIONS = ("hello", "get", "list", "create")
WARM_UP_SECONDS = 1


def main() -> int:
    options = parse()
    servers = prepared(options.servers)
    with laboratory() as place, ExitStack() as stack:
        asyncio.run(fill(place.url))
        started = [stack.enter_context(running(server, place)) for server in servers]
        callers = sign_in_callers(place.url, started[0].port)
        requests = workloads(callers)
        check_answers(started, requests)
        samples = compare(started, {name: requests[name] for name in options.only}, options)
        print(report.tables(samples))
        if is_whole(servers, options):
            extras = measure_extras(started[0], callers)
            report.publish(samples, extras, options.rounds, options.seconds)
    return int(any(sample.errors for each in samples.values() for sample in each.values()))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    names = [server.name for server in SERVERS]
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--only", nargs="+", choices=OPERATIONS, default=OPERATIONS)
    parser.add_argument("--servers", nargs="+", choices=names, default=[])
    return parser.parse_args()


def is_whole(servers: list[Server], options: argparse.Namespace) -> bool:
    return servers == SERVERS and tuple(options.only) == OPERATIONS


def compare(
    started: list[Running], requests: dict[str, list[Request]], options: argparse.Namespace
) -> Samples:
    """By server and operation; the servers take turns, so that noise meets all of them."""
    rounds: dict[tuple[str, str], list[Sample]] = defaultdict(list)
    for number in range(options.rounds):
        for operation, each in requests.items():
            print(f"  round {number + 1}: {operation}", file=sys.stderr)
            for server in started:
                if not number:
                    measure(server, each, WARM_UP_SECONDS)
                sample = measure(server, each, options.seconds)
                rounds[server.server.name, operation].append(sample)
    medians: Samples = defaultdict(dict)
    for (name, operation), samples in rounds.items():
        medians[name][operation] = median(samples)
    return medians


if __name__ == "__main__":
    raise SystemExit(main())
