"""Promise P9 and slow clients as a drill: nginx with deploy/nginx/ in front of two instances.

    python -m benchmarks.front_proxy [RESTARTS [RATE]]

Starts PostgreSQL, two instances and nginx from the machine's packages, measures over TLS what
they can do together (C), then sends requests at a constant rate: at C/4 while 500 connections
say their requests a byte a second, and at C/2 while one instance after the other is stopped and
started again, 20 times. RATE takes the place of C/2 where others use the same machine. Takes
about three minutes, stops what it started, exits with 1 when a promise is broken.

What is rejected for overload (503 with Retry-After) is repeated, as the API says, and counted: on
few cores the start of an instance alone can make the other one late. A POST without an
Idempotency-Key that was sent to an instance at the moment of its end cannot be sent again, since
it may have been carried out: such are counted by themselves.
"""

import asyncio
import itertools
import json
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx2
import uvloop

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from benchmarks.harness.nginx import BINARY, Nginx, running_nginx
from benchmarks.honest import Honest, Request, Tally
from benchmarks.instances import Instance
from benchmarks.login_flood import PASSWORD, Figure, fill
from benchmarks.slow import Slowloris

RESTARTS = 20
MEASURED_SECONDS = 5.0
SLOW_CONNECTIONS = 500
SLOW_SECONDS = 15.0
SETTLED_SECONDS = 0.5
MAX_RESTARTS_SECONDS = 240

GET, POST, POST_WITHOUT_KEY = "GET", "POST with a key", "POST without a key"
MAX_STOP_SECONDS = 15
MAX_SLOWDOWN_MILLISECONDS = 20


@dataclass(frozen=True)
class Stage:
    nginx: Nginx
    instances: list[Instance]
    database_url: str
    honest: Honest


def main() -> int:
    arguments = [int(each) for each in sys.argv[1:]]
    restarts, rate = [*arguments, *(RESTARTS, 0)[len(arguments) :]]
    if BINARY is None:
        print("skipped: there is no nginx here; Debian has it as nginx-light")
        return 0
    with tempfile.TemporaryDirectory() as folder, database(Path(folder)) as url:
        figures = uvloop.run(drill(Path(folder), url, restarts, rate))
    print(*figures, sep="\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


@contextmanager
def database(folder: Path) -> Iterator[str]:
    with embedded_postgres(folder / "postgres", durable=False) as url:
        migrations.upgrade(url)
        yield url


async def drill(folder: Path, url: str, restarts: int, rate: int) -> list[Figure]:
    async with stage(folder, url) as on:
        await on.honest.capacity(MEASURED_SECONDS / 2)
        capacity = await on.honest.capacity(MEASURED_SECONDS)
        return [
            Figure("C, over TLS through nginx", capacity, "/s"),
            *await slow_clients(on, capacity / 4),
            *await rolling_restarts(on, rate or capacity / 2, restarts),
        ]


async def slow_clients(on: Stage, rate: float) -> list[Figure]:
    alone = await on.honest.during(rate, asyncio.sleep(SLOW_SECONDS / 2))
    slow = Slowloris(on.nginx.port, on.nginx.trusting(), SLOW_CONNECTIONS)
    await slow.open()
    beside = await on.honest.during(rate, asyncio.sleep(SLOW_SECONDS))
    await slow.close()
    median = alone.median()
    return [
        Figure("slow connections", slow.count, ""),
        Figure("cut off and opened again", slow.reopened, ""),
        Figure("honest requests", len(beside.seconds), ""),
        Figure("honest requests that failed", beside.failures.total(), "", 0),
        Figure("median without the slow", median, "ms"),
        Figure("median beside them", beside.median(), "ms", median + MAX_SLOWDOWN_MILLISECONDS),
        Figure("p99 without the slow", alone.p99(), "ms"),
        Figure("p99 beside them", beside.p99(), "ms"),
    ]


async def rolling_restarts(on: Stage, rate: float, restarts: int) -> list[Figure]:
    stopped: list[float] = []
    tally = await on.honest.during(rate, restart_in_turn(on.instances, restarts, stopped))
    return [
        Figure("rate during the restarts", rate, "/s"),
        Figure("restarts", len(stopped), ""),
        Figure("requests meanwhile", len(tally.seconds), ""),
        Figure("rejected for overload, repeated", tally.rejected, ""),
        Figure(f"{GET} that failed", tally.failed(GET), "", 0),
        Figure(f"{POST} that failed", tally.failed(POST), "", 0),
        Figure(f"{POST_WITHOUT_KEY} that failed", tally.failed(POST_WITHOUT_KEY), ""),
        *(Figure(f"{kind}: {why}", n, "") for (kind, why), n in tally.failures.items()),
        Figure("p99 during the restarts", tally.p99(), "ms"),
        Figure("slowest end after SIGTERM", max(stopped), "s", MAX_STOP_SECONDS),
        *await kept(on.database_url, tally),
    ]


async def restart_in_turn(instances: list[Instance], times: int, stopped: list[float]) -> None:
    until = time.monotonic() + MAX_RESTARTS_SECONDS
    for _, instance in zip(range(times), itertools.cycle(instances), strict=False):
        if time.monotonic() > until:
            return  # A busy machine takes long to start one: the figures say how many it were.
        stopped.append(await instance.stop())
        instance.start()
        await instance.until_ready()
        await asyncio.sleep(SETTLED_SECONDS)


async def kept(database_url: str, tally: Tally) -> list[Figure]:
    """What the answers said against what the database holds."""
    connection = await asyncpg.connect(database_url.replace("+asyncpg", ""))
    rows = await connection.fetch("SELECT name, count(*) FROM items GROUP BY name")
    await connection.close()
    counts = {row["name"]: row["count"] for row in rows}
    return [
        Figure("created and lost", sum(name not in counts for name in tally.created), "", 0),
        Figure("created twice", sum(count > 1 for count in counts.values()), "", 0),
    ]


@asynccontextmanager
async def stage(folder: Path, url: str) -> AsyncIterator[Stage]:
    await fill(url, 1)
    with ExitStack() as stack:
        instances = [Instance(folder, settings(url)) for _ in range(2)]
        for instance in instances:
            stack.callback(instance.kill)
            instance.start()
        for instance in instances:
            await instance.until_ready()
        ports = [instance.port for instance in instances]
        nginx = stack.enter_context(running_nginx(folder / "nginx", ports))
        token = await sign_in(ports[0])
        honest = Honest(nginx.port, nginx.trusting(), requests(token))
        stack.callback(honest.close)
        yield Stage(nginx, instances, url, honest)


async def sign_in(port: int) -> str:
    login = {"username": "user-1", "password": PASSWORD}
    url = f"http://127.0.0.1:{port}/api/v1/auth/token"
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        response = await client.post(url, data=login)
    return str(response.json()["access_token"])


def settings(url: str) -> dict[str, str]:
    return {
        "ENVIRONMENT": "test",
        "DATABASE_URL": url,
        "LOG_LEVEL": "error",
        "FORWARDED_ALLOW_IPS": "127.0.0.1",
        "RATE_LIMIT_ENABLED": "false",
    }


def requests(token: str) -> Iterator[Request]:
    head = f"Host: localhost\r\nAuthorization: Bearer {token}\r\n"
    read = Request(GET, f"GET /api/v1/items?limit=5 HTTP/1.1\r\n{head}\r\n".encode())
    for number in itertools.count():
        yield read
        yield created(POST, head + f"Idempotency-Key: {uuid.uuid4()}\r\n", f"keyed {number}")
        yield read
        yield created(POST_WITHOUT_KEY, head, f"keyless {number}")


def created(kind: str, head: str, name: str) -> Request:
    body = json.dumps({"name": name, "price": "1.00"})
    lines = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    raw = f"POST /api/v1/items HTTP/1.1\r\n{head}{lines}\r\n{body}".encode()
    return Request(kind, raw, name)


if __name__ == "__main__":
    raise SystemExit(main())
