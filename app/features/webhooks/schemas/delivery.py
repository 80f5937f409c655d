"""Schemas of webhook deliveries."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import Field

from app.features.webhooks.models.delivery import DeliveryStatus
from app.http.schemas import Out


class WebhookDeliveryRead(Out):
    """The status of one message; `id` is the `webhook-id` that the receiver sees."""

    id: uuid.UUID
    webhook_id: uuid.UUID
    event_type: Annotated[str, Field(max_length=30, examples=["item.created"])]
    status: DeliveryStatus
    attempts: Annotated[int, Field(ge=0, le=1000)]
    created_at: datetime
    next_attempt_at: datetime | None
    last_attempt_at: datetime | None
    response_status: Annotated[int, Field(ge=100, le=999)] | None
    duration_ms: Annotated[int, Field(ge=0, le=60_000)] | None
    error: Annotated[str, Field(max_length=50, examples=["upstream_timeout"])] | None
