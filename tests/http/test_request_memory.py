"""Memory of a request: it is freed with the response, not by a later garbage collection.

Garbage collection takes time from all requests, more the more of them leave reference cycles.
"""

import gc
import weakref
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from app.features.users.models.user import User
from tests.conftest import access_token, new_client

ME = "/api/v1/users/me"


class Mark:
    """Lives as long as the scope that it is in."""


@pytest.fixture
def without_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collection")
@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", ME, None, 200),
        ("HEAD", ME, None, 200),
        ("PATCH", ME, {"full_name": "Ada"}, 200),
        ("PATCH", ME, {"full_name": 1}, 422),
        ("GET", "/api/v1/nothing", None, 404),
        ("PUT", ME, None, 405),
        ("GET", "/version", None, 200),
    ],
)
async def test_request_leaves_no_reference_cycles(
    app: FastAPI, user: User, method: str, path: str, body: object, status: int
) -> None:
    marks: list[weakref.ref[Mark]] = []

    async def marked(scope: Scope, receive: Receive, send: Send) -> None:
        scope["mark"] = Mark()
        marks.append(weakref.ref(scope["mark"]))
        await app(scope, receive, send)

    token = await access_token(app, user)
    async with new_client(marked, Authorization=f"Bearer {token}") as client:
        response = await client.request(method, path, json=body)

    assert response.status_code == status
    assert [mark() for mark in marks] == [None]
