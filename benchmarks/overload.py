"""Promise P8 as a drill: what the service does with ten times the work it can do.

    python -m benchmarks.overload [--direct] [--only NAME ...]

Once with small requests, which read a page of five items, and once with batches of 250 items.
Starts PostgreSQL, one worker and nginx with the shipped configuration, measures in a closed loop
what they can do (C), then sends requests at constant rates of C and 10 C, however long the answers
take: a closed loop would slow down with the service and hide what clients see. The clients have
250 addresses. Takes about two minutes, stops what it started, exits with 1 when a promise is
broken.

With --direct the requests go to the worker itself. Rejecting one costs it about 0.1 ms, most of it
for HTTP, so that floods of small requests leave it little time; the drill then shows that it stays
alive, and no promise holds.
"""

import argparse
import asyncio
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import uvloop

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.features.users.passwords import PasswordHasher
from benchmarks.laboratory import reserve_core
from benchmarks.login_flood import FILL, PASSWORD, Figure
from benchmarks.open_loop import Generator, Tally
from benchmarks.plain_nginx import nginx
from benchmarks.service import ROOT, Service, running_service

BATCH = {"items": [{"name": f"Item {n}", "price": "10.00", "tax": "1.00"} for n in range(250)]}
WORKLOADS = {
    "small": ("GET /api/v1/items?limit=5", b""),
    "batch": ("POST /api/v1/items/batch", json.dumps(BATCH).encode()),
}
ITEMS = """
INSERT INTO items (id, name, description, price, tax, tags, owner_id)
SELECT uuidv7(), 'Item ' || n, repeat('All that can be said about it. ', 15), 10, 1, '{}', users.id
FROM users, generate_series(1, 2000) n
"""
SECONDS = 10.0
WARM_UP_SECONDS = 2.0
# As many as nginx passes on at once.
CLOSED_LOOP = 32
MOST_CONNECTIONS = 1000

MAX_LOSS_PERCENT = 10
MAX_SLOWDOWN = 2
MAX_REJECTION_MILLISECONDS = 50


def main() -> int:
    arguments = parsed()
    if arguments.direct:
        print("Without nginx:")
    with service(arguments.direct) as (running, port, url):
        figures = uvloop.run(drill(running, port, url, arguments.only))
    return 0 if arguments.direct or all(figure.is_kept for figure in figures) else 1


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make drill-overload")
    parser.add_argument("--direct", action="store_true")
    parser.add_argument("--only", nargs="+", choices=WORKLOADS, default=list(WORKLOADS))
    return parser.parse_args()


async def drill(running: Service, port: int, url: str, names: list[str]) -> list[Figure]:
    await fill(url)
    token = await sign_in(running)
    figures = []
    for name in names:
        print(f"{name}:")
        measured = await measure(port, signed_request(token, *WORKLOADS[name]))
        print(*measured, sep="\n", flush=True)
        figures += measured
    return figures


@contextmanager
def service(is_direct: bool) -> Iterator[tuple[Service, int, str]]:
    """The service on one core, nginx and the clients on the others; PostgreSQL has what is left."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        migrations.upgrade(url)
        settings = {
            "ENVIRONMENT": "test",
            "DATABASE_URL": url,
            "LOG_LEVEL": "error",
            "RATE_LIMIT_ENABLED": "false",
            "FORWARDED_ALLOW_IPS": "127.0.0.1",
        }
        give_way(Path(folder))
        core = reserve_core()
        others = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {core})  # What is started inherits it.
        with running_service(Path(folder), settings, workers=1) as running:
            os.sched_setaffinity(0, others)
            with nginx(Path(folder) / "nginx", ROOT, running.port) as port:
                yield running, running.port if is_direct else require_port(port), url


def require_port(port: int) -> int:
    if not port:
        raise SystemExit("There is no nginx here; Debian has it as nginx-light.")
    return port


def give_way(folder: Path) -> None:
    """As if it were on another machine: it only takes the time that the others leave."""
    [pid_file] = folder.rglob("postmaster.pid")
    os.setpriority(os.PRIO_PROCESS, int(pid_file.read_text().split()[0]), 10)


async def measure(port: int, request: bytes) -> list[Figure]:
    before = await closed_loop(port, request)
    generator = Generator(port, request)
    await generator.connect(MOST_CONNECTIONS)
    at_capacity, _ = await generator.open_loop(before, SECONDS)
    beyond, goodput = await generator.open_loop(before * 10, SECONDS)
    generator.close()
    # Once more: the tables have grown, and the machine may be busier than it was.
    capacity = statistics.mean([before, await closed_loop(port, request)])
    return [*compared(capacity, goodput, at_capacity, beyond), *held(beyond)]


def compared(capacity: float, goodput: float, at_capacity: Tally, beyond: Tally) -> list[Figure]:
    slow, slower = p99(at_capacity.accepted), p99(beyond.accepted)
    return [
        Figure("C, before and after", capacity, "/s"),
        Figure("at C: median of the accepted", median(at_capacity.accepted), "ms"),
        Figure("at C: p99 of the accepted", slow, "ms"),
        Figure("at C: rejected", len(at_capacity.rejected) / SECONDS, "/s"),
        Figure("at 10 C: goodput", goodput, "/s"),
        Figure("at 10 C: lost of C", 100 - goodput / capacity * 100, "%", MAX_LOSS_PERCENT),
        Figure("at 10 C: median of the accepted", median(beyond.accepted), "ms"),
        Figure("at 10 C: p99 of the accepted", slower, "ms", slow * MAX_SLOWDOWN),
    ]


def held(beyond: Tally) -> list[Figure]:
    return [
        Figure("at 10 C: rejected", len(beyond.rejected) / SECONDS, "/s"),
        Figure("at 10 C: median of the rejections", median(beyond.rejected), "ms"),
        Figure(
            "at 10 C: p99 of the rejections", p99(beyond.rejected), "ms", MAX_REJECTION_MILLISECONDS
        ),
        Figure("rejections without Retry-After", beyond.without_retry_after, "", 0),
        Figure("other answers", len(beyond.others), "", 0),
        Figure("without an answer", beyond.unanswered, "", 0),
    ]


def median(seconds: list[float]) -> float:
    return statistics.median(seconds) * 1000 if seconds else 0.0


def p99(seconds: list[float]) -> float:
    return statistics.quantiles(seconds, n=100)[-1] * 1000 if len(seconds) > 1 else 0.0


async def fill(url: str) -> None:
    hasher = PasswordHasher(max_concurrency=1)
    password_hash = await hasher.hash(PASSWORD)
    hasher.close()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(FILL, password_hash, 1)
    await connection.execute(ITEMS)
    await connection.execute("ANALYZE")
    await connection.close()


async def sign_in(running: Service) -> str:
    login = {"username": "user-1", "password": PASSWORD}
    response = await asyncio.to_thread(running.request, "POST", "/api/v1/auth/token", data=login)
    return str(response.json()["access_token"])


def signed_request(token: str, line: str, body: bytes) -> bytes:
    lines = [
        f"{line} HTTP/1.1",
        "Host: drill",
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def closed_loop(port: int, request: bytes) -> float:
    generator = Generator(port, request)
    await generator.connect(CLOSED_LOOP)
    await generator.closed_loop(WARM_UP_SECONDS)
    capacity = await generator.closed_loop(SECONDS / 2)
    generator.close()
    return capacity


if __name__ == "__main__":
    raise SystemExit(main())
