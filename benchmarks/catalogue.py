"""Test data of the benchmarks: users, their items, and the requests for them."""

import asyncio
import itertools
import json
import uuid
from dataclasses import dataclass

import asyncpg
import httpx2

from app.features.users.passwords import PasswordHasher
from benchmarks.load import Request
from benchmarks.plans import FILL, FILL_ITEMS

ITEMS = 50_000
CALLERS = 20
ITEMS_OF_CALLER = 10
PASSWORD = "correct horse battery staple"
NEW_ITEM = {
    "name": "Walnut desk",
    "description": "Solid wood, oiled, made to last.",
    "price": "999.99",
    "tax": "19.00",
    "tags": ["furniture", "wood"],
}
SECONDARY = """
SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'items' AND indexname LIKE 'ix_%'
"""
OWNED = """
SELECT owner.id AS owner_id, owner.username, array_agg(item.id) AS ids
FROM (SELECT id, username FROM users ORDER BY id LIMIT $1) owner,
     LATERAL (SELECT id FROM items WHERE owner_id = owner.id ORDER BY id LIMIT $2) item
GROUP BY 1, 2
"""


@dataclass(frozen=True)
class Caller:
    id: uuid.UUID
    username: str
    items: list[uuid.UUID]
    token: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


async def fill(url: str, items: int = ITEMS) -> None:
    """A thousand users and their items."""
    connection = await connect(url)
    await connection.execute(FILL)
    await connection.execute("UPDATE users SET password_hash = $1", await password_hash())
    await fill_items(connection, items)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


async def fill_items(connection: asyncpg.Connection, count: int) -> None:
    """Without the indexes, which are faster to build than to maintain."""
    indexes = await connection.fetch(SECONDARY)
    for index in indexes:
        await connection.execute(f'DROP INDEX "{index["indexname"]}"')
    await connection.execute("SET maintenance_work_mem = '512MB'")
    # Every row refers to users and categories that were just read: nothing to check.
    await connection.execute("SET session_replication_role = replica")
    await connection.execute(FILL_ITEMS, count)
    for index in indexes:
        await connection.execute(index["indexdef"])


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("+asyncpg", ""))


async def password_hash() -> str:
    hasher = PasswordHasher(max_concurrency=1)
    try:
        return await hasher.hash(PASSWORD)
    finally:
        hasher.close()


def sign_in_callers(url: str, port: int) -> list[Caller]:
    """Some owners, each with a token from the service on `port`; the peers take it, too."""
    return [
        Caller(row["owner_id"], row["username"], row["ids"], sign_in(port, row["username"]))
        for row in asyncio.run(owners(url))
    ]


async def owners(url: str) -> list[asyncpg.Record]:
    connection = await connect(url)
    rows: list[asyncpg.Record] = await connection.fetch(OWNED, CALLERS, ITEMS_OF_CALLER)
    await connection.close()
    return rows


def sign_in(port: int, username: str) -> str:
    form = {"username": username, "password": PASSWORD}
    url = f"http://127.0.0.1:{port}/api/v1/auth/token"
    response = httpx2.post(url, data=form, trust_env=False)
    return str(response.raise_for_status().json()["access_token"])


def workloads(callers: list[Caller]) -> dict[str, list[Request]]:
    """By operation, requests that are sent in turn."""
    by_turns = itertools.chain.from_iterable(zip(*(each.items for each in callers), strict=False))
    body = json.dumps(NEW_ITEM)
    return {
        "hello": [Request("GET", "/version")],
        "get": [
            Request("GET", f"/api/v1/items/{item}", caller.headers)
            for item, caller in zip(by_turns, itertools.cycle(callers), strict=False)
        ],
        "list": [
            Request("GET", f"/api/v1/items?owner_id={each.id}&limit=20", each.headers)
            for each in callers
        ],
        "create": [Request("POST", "/api/v1/items", each.headers, body) for each in callers],
    }
