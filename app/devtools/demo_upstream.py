"""Demo of the external API for development: responds, or fails in each common way.

The id of a resource selects the failure: `/external/hanging` shows a service that hangs.
"""

import asyncio
import gzip
import hashlib
import json
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SLOW_SECONDS = 1.0
DRIP_SECONDS = 0.1
HUGE_CHUNK = b" " * 65_536
BOMB_BYTES = 16 * 1024 * 1024
UPDATED_AT = "2026-01-05T08:00:00Z"
DELIVERY_DAYS = {"acme": 2, "globex": 5, "initech": 9}


class DemoApi:
    """Resources and suppliers as an ASGI application that records its requests.

    `behaviours` selects by path one of `BEHAVIOURS` instead of a successful response.
    """

    def __init__(self) -> None:
        self.behaviours = {f"/resources/{name}": name for name in BEHAVIOURS}
        self.requests: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.in_progress = 0
        self.max_in_progress = 0

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        path = scope["path"]
        self.requests[path] += 1
        self.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.in_progress += 1
        self.max_in_progress = max(self.max_in_progress, self.in_progress)
        response = asyncio.create_task(self._respond(path, send))
        disconnected = asyncio.create_task(wait_for_disconnect(receive))
        await asyncio.wait({response, disconnected}, return_when=asyncio.FIRST_COMPLETED)
        response.cancel()
        disconnected.cancel()
        self.in_progress -= 1

    async def _respond(self, path: str, send: Send) -> None:
        behaviour = self.behaviours.get(path, "well")
        is_first_try = self.requests[path] % 2 == 1
        if behaviour == "well" or (behaviour == "flaky" and not is_first_try):
            await respond(send, 200, json.dumps(content(path)).encode())
        else:
            await BEHAVIOURS[behaviour](send)


async def wait_for_disconnect(receive: Receive) -> None:
    """Return when the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


def content(path: str) -> dict[str, Any]:
    """Return content derived from the path, so that nothing has to be stored."""
    kind, name, *_ = path.strip("/").split("/")
    if kind == "suppliers":
        cents = 1000 + int.from_bytes(hashlib.sha256(path.encode()).digest()[:2])
        price, days = f"{cents / 100:.2f}", DELIVERY_DAYS.get(name, 30)
        return {"price": price, "currency": "EUR", "delivery_days": days}
    text = f"What the demo service says about {name}."
    return {"id": name, "name": name.capitalize(), "description": text, "updated_at": UPDATED_AT}


async def respond(send: Send, status: int, body: bytes, **headers: str) -> None:
    await begin(send, status, **headers)
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send, status: int, **headers: str) -> None:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})


async def respond_slowly(send: Send) -> None:
    await asyncio.sleep(SLOW_SECONDS)
    await respond(send, 200, json.dumps(content("/resources/slow")).encode())


async def fail(send: Send) -> None:
    await respond(send, 500, b"")


async def respond_busy(send: Send) -> None:
    await respond(send, 503, b"", retry_after="7")


async def respond_not_found(send: Send) -> None:
    await respond(send, 404, b"")


async def redirect(send: Send) -> None:
    await respond(send, 302, b"", location="/resources/news")


async def respond_with_html(send: Send) -> None:
    await respond(send, 200, b"<html>nonsense</html>")


async def hang(_: Send) -> None:
    await asyncio.Event().wait()


async def drip(send: Send) -> None:
    await begin(send, 200)
    while True:
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(DRIP_SECONDS)


async def stream_forever(send: Send) -> None:
    await begin(send, 200)
    while True:
        await send({"type": "http.response.body", "body": HUGE_CHUNK, "more_body": True})
        await asyncio.sleep(0)  # After a disconnect, send() no longer waits.


async def send_gzip_bomb(send: Send) -> None:
    await respond(send, 200, gzip.compress(b" " * BOMB_BYTES), content_encoding="gzip")


BEHAVIOURS = {
    "slow": respond_slowly,
    "failing": fail,
    "flaky": fail,
    "busy": respond_busy,
    "missing": respond_not_found,
    "moved": redirect,
    "nonsense": respond_with_html,
    "hanging": hang,
    "dripping": drip,
    "huge": stream_forever,
    "bomb": send_gzip_bomb,
}


@asynccontextmanager
async def serving(api: DemoApi) -> AsyncIterator[str]:
    """Serve the API on a free loopback port, in this process, and yield its URL."""
    config = uvicorn.Config(api, lifespan="off", ws="none", log_config=None, access_log=False)
    config.load()
    server = uvicorn.Server(config)
    # Not serve(): that would replace the signal handlers of the server that runs the service.
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.force_exit = True
            await server.shutdown()
