"""However reads of different people interleave, nobody gets the body of another."""

import asyncio
import os
from collections import Counter

from httpx2 import AsyncClient

from app.security.principals import Role
from tests.conftest import As, Save
from tests.factories import make_item, make_user
from tests.features.posts.factories import make_post

READS = int(os.environ.get("INTERLEAVED_READS", "2000"))
# Has no factor in common with the number of paths, so that each meets each.
PEOPLE = 8
AT_ONCE = 16
# Each shows every person something else, at one and the same address.
PATHS = (
    "/api/v1/users/me",
    "/api/v1/users/me/items",
    "/api/v1/users/me/posts",
    "/api/v1/posts?status=draft",
    "/api/v1/dashboard",
)


async def person(number: int, as_user: As, save: Save) -> AsyncClient:
    user = await save(make_user(full_name=f"mark-{number}-end", role=Role.USER))
    await save(make_item(user, name=f"mark-{number}-end", tags=[f"mark-{number}-end"]))
    await save(make_post(user, title=f"mark-{number}-end"))
    return await as_user(user)


async def read(client: AsyncClient, path: str) -> str:
    response = await client.get(path)
    assert response.status_code == 200, response.text
    return response.text


async def test_nobody_gets_the_body_of_another(as_user: As, save: Save) -> None:
    people = [await person(number, as_user, save) for number in range(PEOPLE)]
    order = [(n % PEOPLE, PATHS[n % len(PATHS)]) for n in range(READS)]
    reads: Counter[str] = Counter()

    async def reader() -> None:
        while order:
            number, path = order.pop()
            body = await read(people[number], path)
            assert body.count("mark-") == body.count(f"mark-{number}-end") > 0
            reads[path] += 1

    await asyncio.gather(*(reader() for _ in range(AT_ONCE)))

    assert set(reads.values()) == {READS // len(PATHS)}
