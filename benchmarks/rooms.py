"""Promises P6 and P9 for rooms, as a drill against the service in processes of its own.

    python -m benchmarks.rooms [CONNECTS]

Starts PostgreSQL and two workers, then measures how long a message takes, what 1,000 connects
and leaves leave behind, how fast a logout ends open sockets, how long a killed worker's members
stay, and how fast the service is gone with 100 open sockets and 100 event streams. Takes about a
minute and a half; exits with 1 when a promise is broken.
"""

import asyncio
import json
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from app.features.users.passwords import PasswordHasher
from benchmarks.harness.event_source import EventSource, listening
from benchmarks.login_flood import FILL, PASSWORD, Figure
from benchmarks.service import Service, running_service

CONNECTS = 1000
MESSAGES = 300
SOCKETS = STREAMS = 100
PER_USER = 5
AT_ONCE = 5
USERS = SOCKETS // PER_USER + 5
PATIENCE_SECONDS = 60

MAX_REVOCATION_SECONDS = 5
MAX_SHUTDOWN_SECONDS = 15
MAX_ABSENCE_SECONDS = 20
GROWTH_OF_DESCRIPTORS = 2  # A connection of a pool more or less is no leak.


def main() -> int:
    connects = int(sys.argv[1]) if len(sys.argv) > 1 else CONNECTS
    with service() as (running, url):
        figures = asyncio.run(measure(running, url, connects))
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
            "RATE_LIMIT_ENABLED": "false",
            "EVENT_STREAMS_PER_USER": str(STREAMS),
        }
        with running_service(Path(folder), settings, workers=2) as running:
            yield running, url


async def measure(running: Service, url: str, connects: int) -> list[Figure]:
    await fill(url)
    tokens = [sign_in(running, number + 1) for number in range(USERS)]
    return [
        *await talk(running, tokens),
        *await come_and_go(running, tokens, connects),
        *await sign_out(running, tokens.pop()),
        *await kill_a_worker(running, tokens),
        *await shut_down(running, tokens),
    ]


async def fill(url: str) -> None:
    hasher = PasswordHasher(max_concurrency=1)
    password_hash = await hasher.hash(PASSWORD)
    hasher.close()
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    await connection.execute(FILL, password_hash, USERS)
    await connection.close()


def sign_in(running: Service, number: int) -> str:
    form = {"username": f"user-{number}", "password": PASSWORD}
    response = running.request("POST", "/api/v1/auth/token", data=form)
    return str(response.json()["access_token"])


@asynccontextmanager
async def joined(running: Service, room: str, token: str) -> AsyncIterator[ClientConnection]:
    url = f"ws://127.0.0.1:{running.port}/api/v1/ws/{room}"
    headers = {"Authorization": f"Bearer {token}"}
    async with connect(
        url, additional_headers=headers, proxy=None, open_timeout=PATIENCE_SECONDS
    ) as connection:
        await receive(connection, "presence")
        yield connection


async def receive(connection: ClientConnection, kind: str) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while json.loads(await connection.recv())["type"] != kind:
            pass


async def talk(running: Service, tokens: list[str]) -> list[Figure]:
    """One message at a time, to ten others on both workers."""
    async with AsyncExitStack() as stack:
        members = [
            await stack.enter_async_context(joined(running, "talk", token)) for token in tokens[:11]
        ]
        speaker, seconds = members[0], []
        for _ in range(MESSAGES):
            started = time.perf_counter()
            await speaker.send('{"type": "message", "text": "Good morning!"}')
            await asyncio.gather(*(receive(member, "message") for member in members))
            seconds.append(time.perf_counter() - started)
    return [
        Figure("a message, received by all 11, median", statistics.median(seconds) * 1000, "ms"),
        Figure("a message, p99", statistics.quantiles(seconds, n=100)[-1] * 1000, "ms"),
    ]


async def come_and_go(running: Service, tokens: list[str], connects: int) -> list[Figure]:
    async def visit(token: str, times: int) -> None:
        for number in range(times):
            async with joined(running, "door", token) as connection:
                if number % 2:
                    connection.transport.abort()

    await asyncio.gather(*(visit(token, 10) for token in tokens[:AT_ONCE]))
    await asyncio.sleep(2)
    before = descriptors(running)
    started = time.perf_counter()
    await asyncio.gather(*(visit(token, connects // AT_ONCE) for token in tokens[:AT_ONCE]))
    seconds = time.perf_counter() - started
    await asyncio.sleep(2)
    growth = max(after - first for first, after in zip(before, descriptors(running), strict=True))
    return [
        Figure("connects and leaves", connects / seconds, "/s"),
        Figure(f"descriptors after {connects} of them", growth, "more", GROWTH_OF_DESCRIPTORS),
    ]


def descriptors(running: Service) -> list[int]:
    return [len(os.listdir(f"/proc/{worker}/fd")) for worker in running.workers()]


async def sign_out(running: Service, token: str) -> list[Figure]:
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(joined(running, "exit", token)) for _ in range(PER_USER)
        ]
        streams = [await followed(stack, running, token) for _ in range(PER_USER)]
        started = time.perf_counter()
        headers = {"Authorization": f"Bearer {token}"}
        await asyncio.to_thread(running.request, "POST", "/api/v1/auth/logout", headers=headers)
        codes = [await end_of(socket) for socket in sockets]
        ends = [await stream.end() for stream in streams]
        seconds = time.perf_counter() - started
    wrong = sum(code != 4401 for code in codes) + sum(end.comment != "revoked" for end in ends)
    return [
        Figure("logout ends 5 sockets, 5 streams", seconds, "s", MAX_REVOCATION_SECONDS),
        Figure("ends for another reason", wrong, "", 0),
    ]


async def followed(stack: AsyncExitStack, running: Service, token: str) -> EventSource:
    """A stream of events that is open as long as the stack."""
    return await stack.enter_async_context(listening(running.url, token))


async def end_of(connection: ClientConnection) -> int | None:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                await connection.recv()
    except ConnectionClosed:
        return connection.close_code


async def kill_a_worker(running: Service, tokens: list[str]) -> list[Figure]:
    """kill -9: participants on the other worker receive the leaves of its participants."""
    victim, survivor = running.workers()
    async with AsyncExitStack() as stack:
        with running.only(survivor):
            watcher = await stack.enter_async_context(joined(running, "crash", tokens[0]))
        with running.only(victim):
            await stack.enter_async_context(joined(running, "crash", tokens[1]))
        await receive(watcher, "join")
        started = time.perf_counter()
        os.kill(victim, signal.SIGKILL)
        await receive(watcher, "leave")
        seconds = time.perf_counter() - started
    return [Figure("kill -9 until the room is notified", seconds, "s", MAX_ABSENCE_SECONDS)]


async def shut_down(running: Service, tokens: list[str]) -> list[Figure]:
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(joined(running, "last", tokens[number // PER_USER]))
            for number in range(SOCKETS)
        ]
        streams = [await followed(stack, running, tokens[0]) for _ in range(STREAMS)]
        started = time.perf_counter()
        running.process.terminate()
        codes = await asyncio.gather(*(end_of(socket) for socket in sockets))
        hints = [await stream.end() for stream in streams]
        await asyncio.to_thread(running.process.wait, PATIENCE_SECONDS)
        seconds = time.perf_counter() - started
    wrong = sum(code != 1012 for code in codes)
    unhinted = sum(not hint.retry for hint in hints)
    return [
        Figure("SIGTERM with 100 of each until gone", seconds, "s", MAX_SHUTDOWN_SECONDS),
        Figure("other codes than 1012", wrong, "", 0),
        Figure("streams without a hint to come back", unhinted, "", 0),
    ]


if __name__ == "__main__":
    raise SystemExit(main())
