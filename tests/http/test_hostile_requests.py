"""Arbitrary requests to all operations get only documented responses."""

import asyncio
import json
import os
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Iterator
from http.client import HTTPException, HTTPResponse
from io import BytesIO

import pytest
from fastapi import FastAPI

from app.features.users.models.user import User
from app.security.principals import Role
from benchmarks.harness.servers import PATIENCE_SECONDS, serving
from tests.conftest import Running, access_token
from tests.factories import make_user
from tests.hostile_requests import CANARY, Attacker, HostileRequest
from tests.problems import OAUTH_ENDPOINTS, members_of
from tests.scenes import Scene
from tests.state import units_of_work
from tests.valid_requests import NAMES, THINGS

# `make drill-requests` sends 50,000.
REQUESTS = int(os.environ.get("HOSTILE_REQUESTS", "1500"))
SEED = int(os.environ.get("HOSTILE_SEED", "1"))
AT_ONCE = 8
BATCH = 250
# Of the operations that ask the demo service.
UPSTREAM = {502, 503, 504}


class Answer:
    def __init__(self, data: bytes) -> None:
        response = HTTPResponse(Wire(data))  # type: ignore[arg-type]  # all that it needs of a socket
        response.begin()
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()


class Wire:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _: str) -> BytesIO:
        return BytesIO(self._data)


class Listener(asyncio.Protocol):
    """Keeps the received bytes, even after a connection reset because of an unread body."""

    def __init__(self) -> None:
        self.received = bytearray()
        self.is_over = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.received += data

    def connection_lost(self, _: Exception | None) -> None:
        self.is_over.set()


async def answer_to(request: HostileRequest, port: int) -> Answer:
    loop = asyncio.get_running_loop()
    transport, listener = await loop.create_connection(Listener, "127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            transport.write(request.data)
            await listener.is_over.wait()
        return Answer(bytes(listener.received))
    finally:
        transport.abort()


async def users_of(app: FastAPI) -> list[User]:
    """Store a user of each role, again for each batch: hostile requests delete many."""
    users = [make_user(role=role) for role in Role]
    async with units_of_work(app).begin() as uow:
        uow.session.add_all(users)
    return users


async def known_to(app: FastAPI, owner: User) -> dict[str, str]:
    """Store one resource for each path parameter and return their ids."""
    scene = Scene(app, owner, state="published")
    ids = {name: str(await make(scene)) for name, make in THINGS.items() if "}" not in name}
    return {**NAMES, **ids, "email": owner.email}


@pytest.fixture
async def hostile_app(app: FastAPI, running: Running) -> AsyncIterator[FastAPI]:
    """An application without quotas; `app` empties the tables afterwards."""
    async with running(rate_limit_enabled=False, attempts_per_address=1_000_000) as own:
        yield own


@pytest.mark.timeout(3600 if REQUESTS > 10_000 else 300)
async def test_every_response_is_documented(hostile_app: FastAPI) -> None:
    faults: Counter[str] = Counter()
    statuses: Counter[int] = Counter()
    async with serving(hostile_app) as port:
        for start in range(0, REQUESTS, BATCH):
            users = await users_of(hostile_app)
            tokens = [await access_token(hostile_app, each) for each in users]
            known = await known_to(hostile_app, users[1])
            attacker = Attacker(hostile_app.openapi(), known, SEED + start)
            async for status, found in attack(attacker.requests(BATCH, tokens), port):
                statuses[status] += 1
                faults.update(found)

    assert not faults, "\n".join(f"{count} x {fault}" for fault, count in faults.most_common())
    assert statuses.total() >= REQUESTS
    # Those that are frequent; whether a rare one occurs depends on the order of requests.
    assert {200, 201, 204, 400, 401, 403, 404, 422} <= statuses.keys()


async def attack(
    requests: Iterable[HostileRequest], port: int
) -> AsyncIterator[tuple[int, list[str]]]:
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(request: HostileRequest) -> tuple[int, list[str]]:
        async with turns:
            try:
                response = await answer_to(request, port)
            except (TimeoutError, OSError, HTTPException) as error:
                return 0, [f"{request.operation.name}: {error!r} {request.data[:300]!r}"]
        return response.status, [
            f"{request.operation.name}: {response.status} {fault} {request.data[:400]!r}"
            for fault in faults_of(request, response)
        ]

    for done in asyncio.as_completed([one(request) for request in requests]):
        yield await done


def faults_of(request: HostileRequest, response: Answer) -> Iterator[str]:
    # What stands for a parameter of the path may make it the path of nothing.
    elsewhere = {404, 405} if "{" in request.operation.path else set()
    if response.status not in request.operation.statuses | elsewhere:
        yield "is not documented"
    if response.status >= 500 and not (request.operation.statuses & {502}):
        yield f"is an error of ours: {response.body[:300]!r}"
    if "X-Request-ID" not in response.headers or "X-Process-Time" not in response.headers:
        yield "lacks a header"
    if response.status >= 400 and response.headers["Content-Type"].startswith("text/html"):
        yield from faults_of_page(request, response)
    elif response.status >= 400:
        yield from faults_of_problem(response)


def faults_of_page(request: HostileRequest, response: Answer) -> Iterator[str]:
    """Yield faults of an error as a page, which only clients get that ask for HTML."""
    accept = re.search(rb"\r\naccept:([^\r]*)", request.data, re.IGNORECASE)
    if accept is None or b"text/" not in accept[1].lower():
        yield "is a page that the client did not ask for"
    # The request id, and pointers that name unknown members.
    if CANARY in re.sub("<code>.*?</code>", "", response.body.decode()):
        yield "repeats what was sent"


def faults_of_problem(response: Answer) -> Iterator[str]:
    media_type = response.headers["Content-Type"]
    if media_type not in {"application/problem+json", "application/json"}:
        yield f"is no problem: {response.body[:200]!r}"
        return
    problem = json.loads(response.body)
    path = problem["instance"]
    if media_type == "application/json" and path not in OAUTH_ENDPOINTS:
        yield f"is no problem: {response.body[:200]!r}"
    if problem.keys() - {"errors"} != members_of(path) or problem["status"] != response.status:
        yield "lacks a member"
    # Unknown members are named by a pointer; a request id of the client is returned.
    said = problem["detail"], [error["message"] for error in problem.get("errors", ())]
    if CANARY in json.dumps(said):
        yield "repeats what was sent"
