"""API keys."""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column
from typing_extensions import TypedDict

from app.db.base import Base
from app.errors import Conflict
from app.features.users.models.user import User
from app.security.principals import Role


class TooManyApiKeys(Conflict):
    code = "too_many_api_keys"
    title = "Too many API keys"
    remedy = "Delete an API key that you no longer need."


class ApiKey(Base):
    """A credential for a program; only the SHA-256 of its secret is stored.

    The secret has 256 random bits, so a slow hash would add no security.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        Index("uq_api_keys_prefix", "prefix", unique=True),
        Index("ix_api_keys_user_id", "user_id", postgresql_where=text("revoked_at IS NULL")),
    )

    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    name: Mapped[str] = mapped_column(String(100))
    prefix: Mapped[str] = mapped_column(String(16))
    secret_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(30)))
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class ApiKeyRow(TypedDict):
    id: uuid.UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyPrincipalRow(TypedDict):
    api_key_id: uuid.UUID
    prefix: str
    secret_hash: bytes
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    user_id: uuid.UUID
    role: Role
    email_verified: bool
