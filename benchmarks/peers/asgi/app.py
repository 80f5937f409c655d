"""The floor for Python: an ASGI application by hand, asyncpg, and nothing in between."""

import json
import uuid

import asyncpg
import jwt
from contract import DATABASE_URL, FIELDS, POOL_SIZE, VERSION, ItemCreate, subject_of
from pydantic import ValidationError

USER = "SELECT id, role FROM users WHERE id = $1 AND is_active AND deleted_at IS NULL"
ITEM = f"SELECT {FIELDS} FROM items WHERE id = $1 AND deleted_at IS NULL"
ITEMS = (
    f"SELECT {FIELDS} FROM items WHERE owner_id = $1 AND deleted_at IS NULL "
    "ORDER BY created_at DESC, id DESC LIMIT 20"
)
CREATE = (
    "INSERT INTO items (id, name, description, price, tax, tags, owner_id) "
    f"VALUES (uuidv7(), $1, $2, $3, $4, $5, $6) RETURNING {FIELDS}"
)
PREFIX = "/api/v1/items"

pool: asyncpg.Pool


class Rejected(Exception):
    """The argument is the status to answer with."""


async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await live(receive, send)
        return
    try:
        status, response = await respond(scope, receive)
    except Rejected as rejected:
        status, response = rejected.args[0], {"detail": "rejected"}
    body = json.dumps(response, default=str).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def keep_as_it_is(_):
    """Reset nothing: no statement leaves a state behind, and a reset costs as much as a read."""


async def live(receive, send):
    global pool  # noqa: PLW0603  (no framework, so nothing else to keep it in)
    await receive()
    pool = await asyncpg.create_pool(
        DATABASE_URL, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=keep_as_it_is
    )
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await pool.close()
    await send({"type": "lifespan.shutdown.complete"})


async def respond(scope, receive):
    method, path = scope["method"], scope["path"]
    if path == "/version":
        return 200, VERSION
    if not path.startswith(PREFIX):
        raise Rejected(404)
    subject = authenticate(scope)
    async with pool.acquire() as connection:
        user = await connection.fetchrow(USER, subject)
        if user is None:
            raise Rejected(401)
        if method == "POST":
            return 201, await create(connection, user, receive)
        if path == PREFIX:
            return 200, await newest(connection, user)
        return 200, await read(connection, user, path.removeprefix(f"{PREFIX}/"))


def authenticate(scope):
    for name, value in scope["headers"]:
        if name == b"authorization" and value.startswith(b"Bearer "):
            try:
                return subject_of(value[7:].decode())
            except jwt.InvalidTokenError:
                break
    raise Rejected(401)


async def read(connection, user, text):
    try:
        item = await connection.fetchrow(ITEM, uuid.UUID(text))
    except ValueError:
        raise Rejected(422) from None
    if item is None:
        raise Rejected(404)
    if item["owner_id"] != user["id"] and user["role"] != "admin":
        raise Rejected(403)
    return dict(item)


async def newest(connection, user):
    return {"items": [dict(item) for item in await connection.fetch(ITEMS, user["id"])]}


async def create(connection, user, receive):
    try:
        data = ItemCreate.model_validate_json(await read_body(receive))
    except ValidationError:
        raise Rejected(422) from None
    row = await connection.fetchrow(CREATE, *data.model_dump().values(), user["id"])
    return dict(row)


async def read_body(receive):
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body
