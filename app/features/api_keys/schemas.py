"""Schemas of API keys."""

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, field_validator
from pydantic_core import PydanticCustomError, PydanticKnownError
from typing_extensions import TypeAliasType

from app.feature import load_features
from app.http.schemas import LINE, RequestModel, ResponseModel, Storable, Timestamp
from app.runtime.clock import now

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000007001"


class ScopeSchema:
    """JSON Schema of a scope: the features that are enabled when the document is generated."""

    def __get_pydantic_json_schema__(self, *_: object) -> dict[str, Any]:
        return {
            "type": "string",
            "enum": list(load_features().permissions.descriptions),
            "description": "OAuth2 scopes (RFC 6749, section 3.3).",
        }


def known_scope(value: object) -> object:
    """Check that a feature declares the scope."""
    names = list(load_features().permissions.descriptions)
    if value not in names:
        quoted = [f"'{name}'" for name in names]
        expected = f"{', '.join(quoted[:-1])} or {quoted[-1]}"
        raise PydanticKnownError("enum", {"expected": expected})
    return value


Scope = TypeAliasType("Scope", Annotated[str, ScopeSchema()])
KeyScope = Annotated[Scope, BeforeValidator(known_scope), Field(examples=["items:read"])]


class ApiKeyCreate(RequestModel):
    name: Annotated[
        Storable, Field(min_length=1, max_length=100, examples=["nightly import"]), LINE
    ]
    """Name by which you recognize the key, 1 to 100 characters."""
    scopes: Annotated[list[KeyScope], Field(min_length=1, max_length=20, examples=[["items:read"]])]
    """Scopes of the key, each of which you must have yourself."""
    expires_at: Timestamp | None = None
    """Time at which the key expires; without it, the key gets the default lifetime."""

    @field_validator("expires_at")
    @classmethod
    def expires_later(cls, expires_at: datetime | None) -> datetime | None:
        if expires_at is not None and expires_at <= now():
            raise PydanticCustomError("expires_in_the_past", "The expiry must be in the future")
        return expires_at


class ApiKeyRead(ResponseModel):
    id: uuid.UUID
    """Id of the key, which is not the key itself."""
    name: str = Field(max_length=100)
    """Name of the key."""
    prefix: str = Field(max_length=16)
    """First characters of the key, by which its holder can recognize it."""
    scopes: list[Scope] = Field(max_length=20)
    """Scopes that requests with the key have."""
    created_at: datetime
    """Time of the creation."""
    expires_at: datetime | None
    """Time at which the key expires, or null if it does not."""
    last_used_at: datetime | None
    """Time of the last request with the key, or null if there was none."""


class ApiKeyCreated(ApiKeyRead):
    """The only response that shows the key itself."""

    key: str = Field(max_length=100, examples=["rk_1f2e3d4c5b6a_..."])
    """The key, which is sent as `X-API-Key`; only its hash is stored."""
