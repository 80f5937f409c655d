"""Benchmark of growth: pages, searches, reads, creates and the export by size of the table.

    python -m benchmarks.growth [--rows 10000 100000 1000000 10000000] [--rounds 3] [--seconds 2]

One database and one service for each size take turns, so that noise meets all of them. CPU
microseconds of the service and of PostgreSQL together. Writes docs/images/growth.svg and its
part of benchmarks/results.json and docs/benchmarks.md. Ten million items take half an hour and
16 GB of disk; a size that does not fit is left out.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

import asyncpg

from app.db import migrations
from app.features.items import crud as items
from app.http.cursors import CursorSigner
from benchmarks import growth_report
from benchmarks.catalogue import Caller, connect, fill, sign_in_callers, workloads
from benchmarks.export import measure_export
from benchmarks.laboratory import Laboratory, Running, laboratory, running
from benchmarks.load import CONNECTIONS, Request
from benchmarks.measuring import Sample, measured, median
from benchmarks.processes import cpu_seconds
from benchmarks.servers import SECRET_KEY, SERVICE

ROWS = (10_000, 100_000, 1_000_000, 10_000_000)
BYTES_OF_ROW = 1_600  # With its indexes, and what building those takes for a while.
DEPTHS = (0.5, 0.75, 0.95)
WARM_UP_SECONDS = 1
SORT = ("-created_at",)
DEEP = """
SELECT created_at, id FROM items WHERE deleted_at IS NULL
ORDER BY created_at DESC, id DESC OFFSET $1 LIMIT 1
"""
RARE_WORDS = "SELECT split_part(name, ' ', 2) FROM items TABLESAMPLE SYSTEM_ROWS(10)"


@dataclass(frozen=True)
class Size:
    """A service on a database with so many items, and what it is asked."""

    count: int
    service: Running
    callers: list[Caller]
    requests: dict[str, list[Request]]


def main() -> int:
    options = parse()
    with laboratory() as place, ExitStack() as stack:
        asyncio.run(without_autovacuum(place.url))
        sizes = [stack.enter_context(sized(place, count)) for count in affordable(options.rows)]
        figures = compare(place, sizes, options)
        exports = {size.count: measure_export(size.service, size.callers[0]) for size in sizes}
    print(growth_report.tables(figures, exports))
    growth_report.publish(figures, exports)
    return int(any(sample.errors for each in figures.values() for sample in each.values()))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, nargs="+", default=ROWS)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2)
    return parser.parse_args()


def affordable(rows: list[int]) -> list[int]:
    free, chosen = shutil.disk_usage(tempfile.gettempdir()).free, list[int]()
    for count in sorted(rows):
        if (sum(chosen) + count) * BYTES_OF_ROW > free:
            print(f"  skipped: {count:,} items do not fit on the disk", file=sys.stderr)
        else:
            chosen.append(count)
    return chosen


async def without_autovacuum(url: str) -> None:
    """It would come in the middle of one measurement and not of another."""
    connection = await connect(url)
    await connection.execute("ALTER SYSTEM SET autovacuum = off")
    await connection.execute("SELECT pg_reload_conf()")
    await connection.close()


@contextmanager
def sized(place: Laboratory, count: int) -> Iterator[Size]:
    print(f"  filling: {count:,} items", file=sys.stderr)
    url = asyncio.run(create_database(place.url, f"items_{count}"))
    migrations.upgrade(url)
    asyncio.run(fill(url, count))
    with running(SERVICE, replace(place, url=url)) as service:
        callers = sign_in_callers(url, service.port)
        yield Size(count, service, callers, asyncio.run(prepare(url, callers)))


async def create_database(url: str, name: str) -> str:
    connection = await connect(url)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    return f"{url.rpartition('/')[0]}/{name}"


def compare(
    place: Laboratory, sizes: list[Size], options: argparse.Namespace
) -> dict[int, dict[str, Sample]]:
    rounds: dict[tuple[int, str], list[Sample]] = defaultdict(list)
    for number in range(options.rounds):
        for name in sizes[0].requests:
            print(f"  round {number + 1}: {name}", file=sys.stderr)
            for size in sizes:
                if not number:
                    measure(place, size, name, WARM_UP_SECONDS)
                rounds[size.count, name].append(measure(place, size, name, options.seconds))
    names = sizes[0].requests
    return {
        size.count: {name: median(rounds[size.count, name]) for name in names} for size in sizes
    }


def measure(place: Laboratory, size: Size, name: str, seconds: int) -> Sample:
    def spent() -> float:
        return size.service.cpu_seconds() + cpu_seconds(place.postgres_pid)

    return measured(spent, size.service.port, size.requests[name], seconds, CONNECTIONS)


async def prepare(url: str, callers: list[Caller]) -> dict[str, list[Request]]:
    connection = await connect(url)
    try:
        paths = {
            "first page": ["?limit=20"],
            "page at depth": [f"?limit=20&cursor={each}" for each in await cursors(connection)],
            "search, rare word": [f"?q={each}" for each in await rare_words(connection)],
            "search, frequent word": ["?q=walnut"],
        }
    finally:
        await connection.close()
    lists = {
        name: [Request("GET", f"/api/v1/items{each}", callers[0].headers) for each in queries]
        for name, queries in paths.items()
    }
    own = workloads(callers)
    return {**lists, "read": own["get"], "create": own["create"]}


async def cursors(connection: asyncpg.Connection) -> list[str]:
    """Cursors that stand behind half of the items and further on."""
    count = await connection.fetchval("SELECT count(*) FROM items")
    found = [await connection.fetch(DEEP, int(count * depth)) for depth in DEPTHS]
    signer, keys = (
        CursorSigner(SECRET_KEY),
        (items.LISTING.key_of(SORT, dict(row)) for (row,) in found),
    )
    return [signer.sign([items.LISTING.name, SORT, key]) for key in keys]


async def rare_words(connection: asyncpg.Connection) -> list[str]:
    """Words that stand in one item each."""
    await connection.execute("CREATE EXTENSION IF NOT EXISTS tsm_system_rows")
    return [row[0] for row in await connection.fetch(RARE_WORDS)]


if __name__ == "__main__":
    raise SystemExit(main())
