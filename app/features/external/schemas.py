"""Schemas of the external API and of the responses built from it."""

import uuid
from typing import Annotated

from pydantic import ConfigDict, Field

from app.features.items.money import RoundedMoney
from app.http.schemas import Out, Timestamp

RESOURCE_ID = "^[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?$"
SOURCES = ("news", "rates", "weather")
SUPPLIERS = ("acme", "globex", "initech")

ResourceId = Annotated[
    str, Field(min_length=1, max_length=64, pattern=RESOURCE_ID, examples=["news"])
]


class Received(Out):
    """A response of another service: fields are bounded, unknown fields are dropped."""

    model_config = ConfigDict(extra="ignore")


class ExternalRead(Received):
    """A resource of the external service."""

    id: ResourceId
    name: str = Field(max_length=200, examples=["News"])
    description: str = Field(max_length=5000, examples=["What happened since yesterday."])
    updated_at: Timestamp


class Quote(Received):
    """What a supplier wants for an item."""

    price: RoundedMoney
    currency: str = Field(pattern="^[A-Z]{3}$", min_length=3, max_length=3, examples=["EUR"])
    delivery_days: Annotated[int, Field(ge=0, le=365, examples=[3])]


class QuoteRead(Quote):
    supplier: str = Field(max_length=64, examples=["acme"])


class SourceError(Out):
    """A resource that failed, with the reason as a problem type."""

    source: str = Field(max_length=64, examples=["globex"])
    code: str = Field(max_length=100, examples=["upstream_timeout"])
    detail: str = Field(max_length=1000, examples=["Another service did not answer in time."])


class AggregateRead(Out):
    """The resources that arrived, and under `errors` the failures."""

    results: Annotated[list[ExternalRead], Field(max_length=len(SOURCES))]
    errors: Annotated[list[SourceError], Field(max_length=len(SOURCES))]


class QuotesRead(Out):
    """The quotes that arrived, cheapest first, and under `errors` the suppliers that sent none."""

    item_id: uuid.UUID
    quotes: Annotated[list[QuoteRead], Field(max_length=len(SUPPLIERS))]
    errors: Annotated[list[SourceError], Field(max_length=len(SUPPLIERS))]
