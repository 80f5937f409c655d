"""Schemas of API keys."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_core import PydanticCustomError

from app.http.schemas import LINE, In, Out, Storable, Timestamp
from app.runtime.clock import now
from app.security.principals import Scope

KeyScope = Annotated[Scope, Field(strict=False, examples=["items:read"])]


class ApiKeyCreate(In):
    name: Annotated[
        Storable, Field(min_length=1, max_length=100, examples=["nightly import"]), LINE
    ]
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=20, examples=[["items:read"]])]
    expires_at: Timestamp | None = None

    @field_validator("expires_at")
    @classmethod
    def expires_later(cls, expires_at: datetime | None) -> datetime | None:
        if expires_at is not None and expires_at <= now():
            raise PydanticCustomError("expires_in_the_past", "The key would be expired already")
        return expires_at


class ApiKeyRead(Out):
    id: uuid.UUID
    name: str = Field(max_length=100)
    prefix: str = Field(max_length=16)
    scopes: list[Scope] = Field(max_length=20)
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class ApiKeyCreated(ApiKeyRead):
    """The only response that shows the key itself."""

    key: str = Field(max_length=100, examples=["rk_1f2e3d4c5b6a_..."])
