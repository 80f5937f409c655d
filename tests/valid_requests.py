"""Valid requests to each operation, made from the OpenAPI document and the authorization tables."""

import json
from typing import Any

from fastapi import FastAPI
from httpx2 import AsyncClient, Request, Response

from benchmarks.harness.servers import serving
from tests.authorization import AUTHORIZATIONS, WEBSOCKET, Operation
from tests.scenes import Scene
from tests.sockets import handshake

THINGS = {name: make for each in AUTHORIZATIONS.values() for name, make in each.things.items()}
NAMES = {name: value for each in AUTHORIZATIONS.values() for name, value in each.names.items()}
BODIES = {name: make for each in AUTHORIZATIONS.values() for name, make in each.bodies.items()}
STREAMS = {name for each in AUTHORIZATIONS.values() for name in each.streams}


async def path_of(operation: Operation, scene: Scene) -> str:
    path = operation.path
    for parameter, make in THINGS.items():
        if f"{{{parameter}}}" in path:
            path = path.replace(f"{{{parameter}}}", str(await make(scene)))
    return path.format_map(NAMES)


async def body_of(operation: Operation, scene: Scene) -> dict[str, Any]:
    if operation.name in BODIES:
        return await BODIES[operation.name](scene)
    content = operation.documented.get("requestBody", {}).get("content", {})
    examples = [media["example"] for media in content.values()]
    return {"json": examples[0]} if examples else {}


async def call(operation: Operation, scene: Scene, client: AsyncClient) -> Response:
    path, body = await path_of(operation, scene), await body_of(operation, scene)
    if operation.method == WEBSOCKET:
        return await shake_hands(path, scene.app, client)
    # A stream has no end; its head shows whether it was permitted.
    method = "HEAD" if operation.name in STREAMS else operation.method
    return await client.request(method, path, **body)


async def shake_hands(path: str, app: FastAPI, client: AsyncClient) -> Response:
    headers = {name: client.headers[name] for name in ("authorization",) if name in client.headers}
    async with serving(app) as port:
        status, answered, problem = await handshake(port, path, headers)
    request = Request("GET", f"http://test{path}")
    content = json.dumps(problem).encode() if problem else b""
    return Response(status, headers=answered, content=content, request=request)
