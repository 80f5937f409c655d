"""Interleaved reads of different users: no client gets the body of another."""

import asyncio
import os
from collections import Counter
from collections.abc import Sequence

from httpx2 import AsyncClient

from app.features.users.models.user import User
from app.security.principals import Role
from tests.conftest import As, Save
from tests.factories import make_item, make_user

READS = int(os.environ.get("INTERLEAVED_READS", "2000"))
# Has no factor in common with the number of paths, so that each meets each.
USERS = 8
AT_ONCE = 16


async def marked_user(number: int, save: Save) -> User:
    user = await save(make_user(full_name=f"mark-{number}-end", role=Role.USER))
    await save(make_item(user, name=f"mark-{number}-end", tags=[f"mark-{number}-end"]))
    return user


async def read(client: AsyncClient, path: str) -> str:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.text


async def assert_bodies_are_own(clients: Sequence[AsyncClient], paths: Sequence[str]) -> None:
    """Read paths that show each user other data; the body of each names its user alone."""
    order = [(n % len(clients), paths[n % len(paths)]) for n in range(READS)]
    reads: Counter[str] = Counter()

    async def reader() -> None:
        while order:
            number, path = order.pop()
            body = await read(clients[number], path)
            assert body.count("mark-") == body.count(f"mark-{number}-end") > 0
            reads[path] += 1

    await asyncio.gather(*(reader() for _ in range(AT_ONCE)))

    assert sum(reads.values()) == READS
    assert reads.keys() == set(paths)


async def test_no_client_gets_the_body_of_another(as_user: As, save: Save) -> None:
    clients = [await as_user(await marked_user(number, save)) for number in range(USERS)]

    paths = ("/api/v1/users/me", "/api/v1/users/me/items", "/api/v1/users/me/items?limit=1")
    await assert_bodies_are_own(clients, paths)
