"""Schemas of webhooks."""

import uuid
from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import MISSING, AfterValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError
from typing_extensions import TypeAliasType

from app.features.events.event_types import type_names
from app.features.webhooks.models.webhook import DisabledReason
from app.http.schemas import LINE, PARAGRAPH, RequestModel, ResponseModel, Storable, Stored

# Of the seed data, so that an example that is executed untouched succeeds.
EXAMPLE_ID = "01900000-0000-7000-8000-000000009001"
Url = Annotated[
    Storable,
    Field(min_length=1, max_length=2048, examples=["https://hooks.example.com/reference"]),
    LINE,
]


class EventTypeSchema:
    """Lists the types when the OpenAPI document is generated, after all features are loaded."""

    def __get_pydantic_json_schema__(
        self, _: CoreSchema, __: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"type": "string", "enum": type_names()}


def check_event_type(name: str) -> str:
    known = type_names()
    if name not in known:
        message = "Input should be one of {expected}"
        raise PydanticCustomError("enum", message, {"expected": ", ".join(known)})
    return name


# A named alias is a schema of its own in the OpenAPI document. Stored types are not validated
# when read: their feature may be disabled by now.
EventType = TypeAliasType("EventType", Annotated[str, EventTypeSchema()])
HookEvent = Annotated[EventType, AfterValidator(check_event_type), Field(examples=["item.created"])]
HookEvents = Annotated[
    list[HookEvent],
    Field(min_length=1, max_length=20, examples=[["item.created"]]),
    AfterValidator(lambda events: list(dict.fromkeys(events))),
]
Description = Annotated[Storable, Field(max_length=200, examples=["The warehouse"]), PARAGRAPH]
Secret = Annotated[
    str, Field(max_length=60, examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw..."])
]


class WebhookCreate(RequestModel):
    url: Url
    """URL that the events are sent to by POST: `https`, at a public address."""
    events: HookEvents
    """Types of the events to send; the scopes to read them are required."""
    description: Description | None = None
    """Text about the receiver, or null; up to 200 characters."""


class WebhookUpdate(RequestModel):
    """An omitted field stays as it is; `is_active: true` enables a webhook again."""

    url: Url | MISSING = MISSING
    """URL that the events are sent to by POST: `https`, at a public address."""
    events: HookEvents | MISSING = MISSING
    """Types of the events to send; the scopes to read them are required."""
    description: Description | MISSING | None = MISSING
    """Text about the receiver, or null; up to 200 characters."""
    is_active: bool | MISSING = MISSING
    """Whether events are sent; true enables a disabled webhook again."""


class WebhookRead(Stored):
    """`failing_since` is the first failure with no success since; after 5 days it is disabled.

    `disabled_reason` says why it is not active. Events since `backlog_since` are not queued yet,
    because too many deliveries wait.
    """

    # Deliveries change their state without a new version.
    has_unversioned_fields: ClassVar[bool] = True

    owner_id: uuid.UUID
    """Id of the user who created the webhook."""
    url: str = Field(max_length=2048)
    """URL that the events are sent to."""
    events: list[EventType] = Field(max_length=20)
    """Types of the events that are sent."""
    description: str | None = Field(max_length=200)
    """Text about the receiver, or null."""
    is_active: bool
    """Whether events are sent."""
    disabled_reason: DisabledReason | None
    """Why the webhook is not active, or null if it is."""
    failing_since: datetime | None
    """Time of the first failure with no success since, or null; after 5 days the webhook is
    disabled.
    """
    backlog_since: datetime | None
    """Time since which events are not queued yet, because too many deliveries wait; or null."""


class WebhookCreated(WebhookRead):
    """The only response that shows the secret."""

    secret: Secret
    """Secret that verifies the signatures of the messages."""


class WebhookSecret(ResponseModel):
    """The new secret; messages are also signed with the old one until `old_secret_until`."""

    secret: Secret
    """The new secret."""
    old_secret_until: datetime
    """Time until which messages are also signed with the old secret."""
