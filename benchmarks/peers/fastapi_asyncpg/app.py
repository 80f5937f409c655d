"""FastAPI over an asyncpg pool: SQL by hand, response models, dependencies."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
import jwt
from contract import DATABASE_URL, FIELDS, POOL_SIZE, VERSION, ItemCreate, subject_of
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

USER = "SELECT id, role FROM users WHERE id = $1 AND is_active AND deleted_at IS NULL"
ITEM = f"SELECT {FIELDS} FROM items WHERE id = $1 AND deleted_at IS NULL"
ITEMS = (
    f"SELECT {FIELDS} FROM items WHERE owner_id = $1 AND deleted_at IS NULL "
    "ORDER BY created_at DESC, id DESC LIMIT $2"
)
CREATE = (
    "INSERT INTO items (id, name, description, price, tax, tags, owner_id) "
    f"VALUES (uuidv7(), $1, $2, $3, $4, $5, $6) RETURNING {FIELDS}"
)


class Version(BaseModel):
    name: str
    version: str
    environment: str


class ItemRead(BaseModel):
    id: uuid.UUID
    created_at: datetime
    updated_at: datetime
    version: int
    name: str
    description: str | None
    price: Decimal
    tax: Decimal
    tags: list[str]
    category_id: uuid.UUID | None
    owner_id: uuid.UUID
    processed_at: datetime | None


class ItemPage(BaseModel):
    items: list[ItemRead]


async def keep_as_it_is(_: asyncpg.Connection) -> None:
    """Reset nothing: no statement leaves a state behind, and a reset costs as much as a read."""


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    pool = asyncpg.create_pool(
        DATABASE_URL, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=keep_as_it_is
    )
    async with pool as app.state.pool:
        yield


app = FastAPI(lifespan=lifespan)


async def get_pool(request: Request) -> asyncpg.Pool:
    return request.app.state.pool


PoolDep = Annotated[asyncpg.Pool, Depends(get_pool)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def get_user(pool: PoolDep, credentials: Credentials) -> asyncpg.Record:
    try:
        subject = subject_of(credentials.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    user = await pool.fetchrow(USER, subject)
    if user is None:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[asyncpg.Record, Depends(get_user)]


@app.get("/version")
async def read_version() -> Version:
    return Version(**VERSION)


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(item_id: uuid.UUID, user: CurrentUser, pool: PoolDep) -> Any:
    item = await pool.fetchrow(ITEM, item_id)
    if item is None:
        raise HTTPException(404)
    if item["owner_id"] != user["id"] and user["role"] != "admin":
        raise HTTPException(403)
    return dict(item)


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(user: CurrentUser, pool: PoolDep, limit: int = 20) -> Any:
    rows = await pool.fetch(ITEMS, user["id"], limit)
    return {"items": [dict(row) for row in rows]}


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate, user: CurrentUser, pool: PoolDep) -> Any:
    values = (data.name, data.description, data.price, data.tax, data.tags)
    return dict(await pool.fetchrow(CREATE, *values, user["id"]))
