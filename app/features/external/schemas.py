"""Schemas of the external API and of the responses built from it."""

import uuid
from typing import Annotated

from pydantic import ConfigDict, Field

from app.features.items.money import RoundedMoney
from app.http.problem_details import MESSAGES
from app.http.schemas import ResponseModel, Timestamp

RESOURCE_ID = "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
MESSAGES[RESOURCE_ID] = "Use lowercase letters, digits and, between them, hyphens"
SOURCES = ("news", "rates", "weather")
SUPPLIERS = ("acme", "globex", "initech")

ResourceId = Annotated[
    str, Field(min_length=1, max_length=64, pattern=RESOURCE_ID, examples=["news"])
]


class Received(ResponseModel):
    """A response of another service: fields are bounded, unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore")


class ExternalRead(Received):
    """A resource of the external service."""

    id: ResourceId
    """Id of the resource at the external service."""
    name: str = Field(max_length=200, examples=["News"])
    """Name of the resource."""
    description: str = Field(max_length=5000, examples=["What happened since yesterday."])
    """Text about the resource."""
    updated_at: Timestamp
    """Time of the last change at the external service."""


class Quote(Received):
    """Offer of a supplier for an item."""

    price: RoundedMoney
    """Price in units of `currency`, with two decimal places."""
    currency: str = Field(pattern="^[A-Z]{3}$", min_length=3, max_length=3, examples=["EUR"])
    """Currency code (ISO 4217)."""
    delivery_days: Annotated[int, Field(ge=0, le=365, examples=[3])]
    """Days until the delivery."""


class QuoteRead(Quote):
    supplier: str = Field(max_length=64, examples=["acme"])
    """Name of the supplier."""


class SourceError(ResponseModel):
    """A resource that failed, with the reason as a problem type."""

    source: str = Field(max_length=64, examples=["globex"])
    """Name of the source that failed."""
    code: str = Field(max_length=100, examples=["upstream_timeout"])
    """Code of the problem type, which `/problems/{code}` explains."""
    detail: str = Field(max_length=1000, examples=["Another service did not respond in time."])
    """What happened, for users."""


class AggregateRead(ResponseModel):
    """The resources that arrived, and under `errors` the failures."""

    results: Annotated[list[ExternalRead], Field(max_length=len(SOURCES))]
    """The resources that arrived in time."""
    errors: Annotated[list[SourceError], Field(max_length=len(SOURCES))]
    """One error for each resource that did not."""


class QuotesRead(ResponseModel):
    """The quotes that arrived, cheapest first, and under `errors` the suppliers that sent none."""

    item_id: uuid.UUID
    """Id of the item."""
    quotes: Annotated[list[QuoteRead], Field(max_length=len(SUPPLIERS))]
    """The quotes that arrived in time, cheapest first."""
    errors: Annotated[list[SourceError], Field(max_length=len(SUPPLIERS))]
    """One error for each supplier without a quote."""
