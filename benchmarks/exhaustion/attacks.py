"""Attacks of one client: requests that cost the service more than the client.

An attack ends by itself and counts the statuses that it received. It runs in a process of its
own, so that its work does not delay what the observer measures:

    python -m benchmarks.exhaustion.attacks NAME < SCENE (as JSON)
"""

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.exhaustion.client import RESET, Answer, connected, head, raw_request, request

HELD_SECONDS = 3.0
PATIENCE_SECONDS = 4.0
UNKNOWN_NAMES = 131_000
UPLOAD_BYTES = 209_715_200
SENT_BYTES = 40 * 1024 * 1024
MEBI = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Scene:
    """Ports and credentials; `nginx_port` is 0 where nginx is not installed."""

    port: int
    nginx_port: int
    user: str
    guest: str
    old_event_id: str


Statuses = Counter[str]
Attack = Callable[[Scene], Coroutine[Any, Any, Statuses]]


async def at_once(requests: Iterable[Awaitable[Answer]]) -> Statuses:
    return Counter(response.status for response in await asyncio.gather(*requests))


async def refresh_unknown_names(scene: Scene) -> Statuses:
    body = {f"a{number}": 1 for number in range(UNKNOWN_NAMES)}
    raw = json.dumps(body, separators=(",", ":"))[: 1024 * 1024 - 2]
    content = (raw[: raw.rindex(",")] + "}").encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(content))}
    sent = head("POST", "/api/v1/auth/refresh", headers) + content
    return await at_once(raw_request(scene.port, sent, seconds=PATIENCE_SECONDS) for _ in range(16))


async def batch_unknown_names(scene: Scene) -> Statuses:
    item = {f"a{number}": 1 for number in range(70)}
    body = {"items": [item] * 1000}
    path = "/api/v1/items/batch"
    return await at_once(
        request(scene.port, "POST", path, token=scene.user, body=body) for _ in range(3)
    )


async def unread_exports(scene: Scene) -> Statuses:
    return await unread(scene, 200, "/api/v1/items/export", scene.guest)


async def event_streams(scene: Scene) -> Statuses:
    old = await unread(scene, 1, f"/api/v1/events?last_event_id={scene.old_event_id}", scene.user)
    new = await unread(scene, 1200, "/api/v1/events", scene.guest)
    return Counter({f"{status} (replay)": count for status, count in old.items()}) + new


async def event_streams_through_nginx(scene: Scene) -> Statuses:
    return await event_streams(replace(scene, port=scene.nginx_port))


async def unread(scene: Scene, count: int, path: str, token: str) -> Statuses:
    """Open so many answers, read nothing but their statuses, and leave after some seconds."""
    sent = head("GET", path, {"Authorization": f"Bearer {token}"})
    ends_at = time.monotonic() + HELD_SECONDS

    async def one(stack: AsyncExitStack) -> str:
        try:
            connection = await stack.enter_async_context(connected(scene.port))
            connection.writer.write(sent)
            return await connection.status(max(0.1, ends_at - time.monotonic()))
        except OSError:
            return RESET

    async with AsyncExitStack() as stack:
        statuses = Counter(await asyncio.gather(*(one(stack) for _ in range(count))))
        await asyncio.sleep(max(0.0, ends_at - time.monotonic()))
    return statuses


async def anonymous_uploads(scene: Scene) -> Statuses:
    return await uploads(scene.port)


async def anonymous_uploads_through_nginx(scene: Scene) -> Statuses:
    return await uploads(scene.nginx_port)


async def uploads(port: int) -> Statuses:
    return Counter(await asyncio.gather(*(upload(port) for _ in range(5))))


async def upload(port: int) -> str:
    headers = {
        "Content-Type": "multipart/form-data; boundary=b",
        "Content-Length": str(UPLOAD_BYTES),
    }
    async with connected(port) as connection:
        status = asyncio.create_task(connection.status(PATIENCE_SECONDS))
        connection.writer.write(head("POST", "/api/v1/files", headers))
        # What was rejected is not sent on.
        for _ in range(SENT_BYTES // MEBI):
            if status.done() or connection.writer.is_closing():
                break
            connection.writer.write(bytes(MEBI))
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(0.5):
                    await connection.writer.drain()
        return await status


async def webhooks_and_a_batch(scene: Scene) -> Statuses:
    hook = {"url": "http://127.0.0.1:9/", "events": ["item.created"]}
    items = [{"name": f"item {number}", "price": "1.00"} for number in range(1000)]
    path = "/api/v1/webhooks"
    hooks = [request(scene.port, "POST", path, token=scene.user, body=hook) for _ in range(31)]
    statuses = await at_once(hooks)
    batch = await request(
        scene.port, "POST", "/api/v1/items/batch", token=scene.user, body={"items": items}
    )
    return statuses + Counter([f"{batch.status} (batch)"])


async def health_checks(scene: Scene) -> Statuses:
    return await at_once(request(scene.port, "GET", "/health") for _ in range(40))


async def graphql_aliases(scene: Scene) -> Statuses:
    page = "items(first: 100) {edges {node {id name price tags owner {username}}}}"
    query = "{" + " ".join(f"a{number}: {page}" for number in range(15)) + "}"
    body = {"query": query}
    sent = (request(scene.port, "POST", "/graphql", token=scene.guest, body=body) for _ in range(5))
    return Counter([outcome_of(response) for response in await asyncio.gather(*sent)])


def outcome_of(response: Answer) -> str:
    """The status, and the code of the error that GraphQL answers with status 200."""
    errors = response.json.get("errors") if response.status == "200" else None
    return f"{response.status} ({errors[0]['extensions']['code']})" if errors else response.status


async def large_headers(scene: Scene) -> Statuses:
    one = b"X-Large: " + b"a" * 24 * MEBI
    many = b"\r\n".join(b"X-%d: a" % number for number in range(200_000))
    start = b"GET /api/v1/items HTTP/1.1\r\nHost: localhost\r\n"
    return await at_once(
        raw_request(scene.port, start + lines + b"\r\n\r\n", seconds=PATIENCE_SECONDS)
        for lines in (one, many)
    )


async def query_parameters(scene: Scene) -> Statuses:
    path = "/api/v1/items?" + "&".join(f"a{number}=1" for number in range(7000))
    sent = head("GET", path, {"Authorization": f"Bearer {scene.guest}"})
    return await at_once(raw_request(scene.port, sent) for _ in range(20))


ATTACKS: dict[str, Attack] = {
    "refresh": refresh_unknown_names,
    "batch": batch_unknown_names,
    "exports": unread_exports,
    "events": event_streams,
    "events-nginx": event_streams_through_nginx,
    "uploads": anonymous_uploads,
    "uploads-nginx": anonymous_uploads_through_nginx,
    "health": health_checks,
    "graphql": graphql_aliases,
    "headers": large_headers,
    "parameters": query_parameters,
    # The last: its deliveries go on in the background.
    "webhooks": webhooks_and_a_batch,
}


def main() -> None:
    scene = Scene(**json.load(sys.stdin))
    statuses = asyncio.run(ATTACKS[sys.argv[1]](scene))
    json.dump(statuses, sys.stdout)


if __name__ == "__main__":
    main()
