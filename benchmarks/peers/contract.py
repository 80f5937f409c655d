"""Shared parts of the Python peers: settings, the token, the rules about a new item."""

import os
from decimal import Decimal
from typing import Annotated, Any, Self

import jwt
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

DATABASE_URL = os.environ["DATABASE_URL"]
POOL_SIZE = int(os.environ["POOL_SIZE"])
SECRET_KEY = os.environ["SECRET_KEY"]
ISSUER, AUDIENCE = "https://api.example.com", "Reference API"

VERSION = {"name": "Reference API", "version": "0.1.0", "environment": "production"}
FIELDS = (
    "id, created_at, updated_at, version, name, description, price, tax, tags, category_id, "
    "owner_id, processed_at"
)

Price = Annotated[Decimal, Field(gt=0, le=10_000, max_digits=7, decimal_places=2)]
Tax = Annotated[Decimal, Field(ge=0, le=100, decimal_places=2)]
Tag = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,30}$")]


class ItemCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(min_length=1, max_length=100)]
    description: Annotated[str, Field(max_length=500)] | None = None
    price: Price
    tax: Tax = Decimal(0)
    tags: Annotated[list[Tag], Field(max_length=20)] = []

    @model_validator(mode="after")
    def tax_is_bounded(self) -> Self:
        if self.tax > self.price or self.price + self.tax > 10_000:
            raise ValueError("The tax is too high.")
        return self


def subject_of(token: str) -> str:
    """The user's id in a token that holds; raises jwt.InvalidTokenError for any other."""
    claims: dict[str, Any] = jwt.decode(
        token, SECRET_KEY, algorithms=["HS256"], issuer=ISSUER, audience=AUDIENCE
    )
    return claims["sub"]
