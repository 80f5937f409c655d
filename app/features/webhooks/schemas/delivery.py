"""Schemas of webhook deliveries."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.features.webhooks.models.delivery import DeliveryStatus
from app.http.schemas import ResponseModel

# Of the seed data, so that an example that is executed untouched succeeds.
DELIVERY_EXAMPLE_ID = "01900000-0000-7000-8000-000000009002"


class WebhookDeliveryRead(ResponseModel):
    """The status of one message; `id` is the `webhook-id` that the receiver sees."""

    id: uuid.UUID
    """Id of the message, which the receiver gets as `webhook-id`."""
    webhook_id: uuid.UUID
    """Id of the webhook."""
    event_type: Annotated[str, Field(max_length=30, examples=["item.created"])]
    """Type of the event."""
    status: DeliveryStatus
    """Progress of the delivery."""
    attempts: Annotated[int, Field(ge=0, le=1000)]
    """Number of attempts so far."""
    created_at: datetime
    """Time at which the message was queued."""
    next_attempt_at: datetime | None
    """Time of the next attempt, or null if there is none."""
    last_attempt_at: datetime | None
    """Time of the last attempt, or null if there was none."""
    response_status: Annotated[int, Field(ge=100, le=999)] | None
    """HTTP status of the last response, or null if there was none."""
    duration_ms: Annotated[int, Field(ge=0, le=60_000)] | None
    """Duration of the last attempt in milliseconds, or null."""
    error: Annotated[str, Field(max_length=50, examples=["upstream_timeout"])] | None
    """Reason of a failure without a response, or null."""


class WebhookTestData(ResponseModel):
    """The data of a test message."""

    webhook_id: uuid.UUID
    """Id of the webhook that is tested."""
