"""FastAPI with SQLAlchemy's async ORM, as the tutorials show it."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import jwt
from contract import DATABASE_URL, POOL_SIZE, VERSION, ItemCreate, subject_of
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict
from sqlalchemy import DateTime, ForeignKey, Numeric, String, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

engine = create_async_engine(
    DATABASE_URL.replace("postgresql://", "postgresql+asyncpg://", 1),
    pool_size=POOL_SIZE,
    max_overflow=0,
)
new_session = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    type_annotation_map = {datetime: DateTime(timezone=True)}  # noqa: RUF012


class User(Base):
    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    role: Mapped[str]
    is_active: Mapped[bool]
    deleted_at: Mapped[datetime | None]


class Item(Base):
    __tablename__ = "items"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=uuid.uuid4)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
    version: Mapped[int] = mapped_column(default=1)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(500))
    price: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    tax: Mapped[Decimal] = mapped_column(Numeric(5, 2))
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    category_id: Mapped[uuid.UUID | None]
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"))
    processed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]


class Version(BaseModel):
    name: str
    version: str
    environment: str


class ItemRead(BaseModel):
    model_config = ConfigDict(from_attributes=True)

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


app = FastAPI()


async def get_session() -> AsyncIterator[AsyncSession]:
    async with new_session() as session:
        yield session


SessionDep = Annotated[AsyncSession, Depends(get_session)]
Credentials = Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]


async def get_user(session: SessionDep, credentials: Credentials) -> User:
    try:
        subject = subject_of(credentials.credentials)
    except jwt.InvalidTokenError:
        raise HTTPException(401) from None
    user = await session.get(User, uuid.UUID(subject))
    if user is None or not user.is_active or user.deleted_at:
        raise HTTPException(401)
    return user


CurrentUser = Annotated[User, Depends(get_user)]


@app.get("/version")
async def read_version() -> Version:
    return Version(**VERSION)


@app.get("/api/v1/items/{item_id}", response_model=ItemRead)
async def read_item(item_id: uuid.UUID, user: CurrentUser, session: SessionDep) -> Item:
    item = await session.get(Item, item_id)
    if item is None or item.deleted_at:
        raise HTTPException(404)
    if item.owner_id != user.id and user.role != "admin":
        raise HTTPException(403)
    return item


@app.get("/api/v1/items", response_model=ItemPage)
async def list_items(
    user: CurrentUser, session: SessionDep, limit: int = 20
) -> dict[str, list[Item]]:
    rows = await session.scalars(
        select(Item)
        .where(Item.owner_id == user.id, Item.deleted_at.is_(None))
        .order_by(Item.created_at.desc(), Item.id.desc())
        .limit(limit)
    )
    return {"items": list(rows)}


@app.post("/api/v1/items", response_model=ItemRead, status_code=201)
async def create_item(data: ItemCreate, user: CurrentUser, session: SessionDep) -> Item:
    item = Item(**data.model_dump(), owner_id=user.id)
    session.add(item)
    await session.commit()
    await session.refresh(item)
    return item
