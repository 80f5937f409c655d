"""Promise P12 as a drill: what a flood of sign-ins does to the service, and who can tell names.

    python -m benchmarks.login_flood [LOGINS]

Starts PostgreSQL and the service on the loopback interface, sends 200 sign-ins at once,
then wrong passwords for known and unknown accounts in turn, and prints the figures beside
what is promised. Takes about half a minute, stops what it started, exits with 1 when a
promise is broken.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlencode

import asyncpg

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.features.users.passwords import PasswordHasher
from app.runtime.canonical import canonical
from benchmarks.service import Service, running_service

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

LOGINS = 200
PAIRS = 300
WARM_UP = 10
PASSWORD = "correct horse battery staple"
PROBE_SECONDS = 0.02
TIMEOUT_SECONDS = 120
MEBI = 1024 * 1024
FILL = """
INSERT INTO users (id, email, email_canonical, username, username_canonical, password_hash, role,
                   is_active, email_verified)
SELECT uuidv7(), n || '@example.com', n || '@example.com', 'user-' || n, 'user-' || n, $1, 'user',
       true, true
FROM generate_series(1, $2::int) n
ON CONFLICT DO NOTHING
"""

MAX_GROWTH_MEBIBYTES = 150
MAX_LIVENESS_MILLISECONDS = 100
MAX_DIFFERENCE_PERCENT = 5


@dataclass(frozen=True)
class Figure:
    name: str
    measured: float
    unit: str
    promised: float | None = None

    @property
    def is_kept(self) -> bool:
        return self.promised is None or self.measured <= self.promised

    def __str__(self) -> str:
        promise = "" if self.promised is None else f"at most {self.promised:g}"
        verdict = "" if self.is_kept else "BROKEN"
        return f"  {self.name:<36}{self.measured:>10.1f} {self.unit:<5}{promise:<14}{verdict}"


def main() -> int:
    logins = int(sys.argv[1]) if len(sys.argv) > 1 else LOGINS
    with service() as (running, url):
        figures = asyncio.run(measure(running, url, logins))
    print(*figures, sep="\n")
    return 0 if all(figure.is_kept for figure in figures) else 1


@contextmanager
def service() -> Iterator[tuple[Service, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres") as url,
    ):
        migrations.upgrade(url)
        settings = {
            "ENVIRONMENT": "test",
            "DATABASE_URL": url,
            "LOG_LEVEL": "error",
            # All of them come from one address here.
            "ATTEMPTS_PER_ADDRESS": "1000000",
            "RATE_LIMIT_ENABLED": "false",
        }
        with running_service(Path(folder), settings, workers=1) as running:
            yield running, url


async def measure(running: Service, url: str, logins: int) -> list[Figure]:
    await fill(url, max(logins, PAIRS) + WARM_UP)
    async with asyncio.timeout(TIMEOUT_SECONDS):
        for number in range(logins, logins + WARM_UP):
            await sign_in(running.port, f"user-{number + 1}", PASSWORD)
        return [*await flood(running, logins), *await tell_apart(running.port)]


async def fill(url: str, accounts: int) -> None:
    hasher = PasswordHasher(max_concurrency=1)
    password_hash = await hasher.hash(PASSWORD)
    hasher.close()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(FILL, password_hash, accounts)
    await connection.execute("ANALYZE")
    await connection.close()


async def flood(running: Service, logins: int) -> list[Figure]:
    connections = [await connect(running.port) for _ in range(logins)]
    before = resident_bytes(running)
    resident, probes = Watch(lambda: sample_resident(running)), Watch(lambda: probe(running.port))
    started = time.perf_counter()
    responses = await asyncio.gather(
        *(
            sign_in(running.port, f"user-{number + 1}", PASSWORD, on=connection)
            for number, connection in enumerate(connections)
        )
    )
    seconds = time.perf_counter() - started
    peak, waits = max(await resident.stop()), await probes.stop()
    statuses = Counter(status for status, _ in responses)
    slowest = statistics.quantiles(waits, n=100)[-1] * 1000
    return [
        Figure(f"{logins} sign-ins at once, rejected", logins - statuses[HTTPStatus.OK], "", 0),
        Figure("answered", logins / seconds, "/s"),
        Figure("growth of memory", (peak - before) / MEBI, "MiB", MAX_GROWTH_MEBIBYTES),
        Figure("/liveness, median", statistics.median(waits) * 1000, "ms"),
        Figure("/liveness, p99", slowest, "ms", MAX_LIVENESS_MILLISECONDS),
        Figure("/liveness, probes", len(waits), ""),
    ]


async def tell_apart(port: int) -> list[Figure]:
    """Wrong passwords in turn for accounts that exist and others that do not."""
    times: dict[str, list[float]] = {"user": [], "nobody": []}
    for number in range(PAIRS):
        # Whatever slows the machine down for a while slows both, in either order.
        for prefix in sorted(times, reverse=number % 2 == 0):
            _, seconds = await sign_in(port, f"{prefix}-{number + 1}", "wrong", expected=401)
            times[prefix].append(seconds)
    known, unknown = (statistics.median(times[prefix]) * 1000 for prefix in ("user", "nobody"))
    difference = abs(known - unknown) / min(known, unknown) * 100
    return [
        Figure("wrong password, known account, median", known, "ms"),
        Figure("wrong password, unknown, median", unknown, "ms"),
        Figure("difference of the medians", difference, "%", MAX_DIFFERENCE_PERCENT),
    ]


class Watch:
    """Samples at a constant rate, whether or not the samples before have come back.

    One after the other they would leave out what happens while one of them has to wait.
    """

    def __init__(self, sample: Callable[[], Coroutine[None, None, float]]) -> None:
        self._sample = sample
        self._samples: list[asyncio.Task[float]] = []
        self._clock = asyncio.create_task(self._run())

    async def stop(self) -> list[float]:
        self._clock.cancel()
        return await asyncio.gather(*self._samples)

    async def _run(self) -> None:
        while True:
            self._samples.append(asyncio.create_task(self._sample()))
            await asyncio.sleep(PROBE_SECONDS)


async def sample_resident(running: Service) -> float:
    return resident_bytes(running)


def resident_bytes(running: Service) -> int:
    status = Path(f"/proc/{running.process.pid}/status").read_text(encoding="ascii")
    (line,) = (line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


async def probe(port: int) -> float:
    return (await send(port, b"GET /liveness HTTP/1.1\r\n", expected=200))[1]


async def sign_in(
    port: int,
    login: str,
    password: str,
    *,
    expected: int | None = None,
    on: Connection | None = None,
) -> tuple[int, float]:
    body = urlencode({"username": canonical(login), "password": password}).encode()
    head = (
        b"POST /api/v1/auth/token HTTP/1.1\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: %d\r\n"
    )
    return await send(port, head % len(body), body, expected=expected, on=on)


async def send(
    port: int,
    head: bytes,
    body: bytes = b"",
    *,
    expected: int | None = None,
    on: Connection | None = None,
) -> tuple[int, float]:
    """Status and seconds of one request, on a connection that it makes unless one is given."""
    started = time.perf_counter()
    reader, writer = on or await connect(port)
    writer.write(head + b"Host: localhost\r\nConnection: close\r\n\r\n" + body)
    response = await reader.read()
    writer.close()
    status, seconds = int(response.split(maxsplit=2)[1]), time.perf_counter() - started
    if expected not in {None, status}:
        raise RuntimeError(f"The answer should have been {expected} and was {status}.")
    return status, seconds


async def connect(port: int) -> Connection:
    return await asyncio.open_connection("127.0.0.1", port)


if __name__ == "__main__":
    raise SystemExit(main())
