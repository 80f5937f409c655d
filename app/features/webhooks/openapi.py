"""OpenAPI webhooks: the messages that receivers get, one for each event type."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response

from app.feature import Features
from app.features.events.schemas import EventRead, event_schema, event_schemas
from app.features.webhooks.crud.deliveries import TEST
from app.features.webhooks.schemas.delivery import WebhookTestData

# Its own: generators write a module for each tag, and the operations are in that of "webhooks".
TAG = "webhook messages"
MAX_SECONDS = 2**63 - 1
MessageId = Annotated[
    str,
    Header(
        alias="webhook-id",
        max_length=100,
        description="Id of the message, the same for every attempt: use it to ignore duplicates.",
    ),
]
SentAt = Annotated[
    int,
    Header(
        alias="webhook-timestamp",
        ge=0,
        le=MAX_SECONDS,
        description="Seconds since 1970 at the time of the attempt: reject old ones.",
    ),
]
Signature = Annotated[
    str,
    Header(
        alias="webhook-signature",
        max_length=500,
        description="Signatures by the secrets that are valid, separated by spaces "
        "(Standard Webhooks).",
    ),
]
DESCRIPTION = (
    "Receive a message of the type `{name}`.\n\nThe service sends it to the URL of each webhook "
    "that has subscribed to the type. Any status from 200 to 299 confirms it, 410 disables the "
    "webhook, and after any other one the message is sent again."
)


def create_webhooks(_: Features) -> APIRouter:
    """Create the router of the document; the service itself serves none of its paths."""
    router = APIRouter(tags=[TAG])
    schemas = {**event_schemas(), TEST: event_schema(TEST, WebhookTestData)}
    for name, schema in schemas.items():
        router.post(
            name,
            operation_id=f"receive_{name.replace('.', '_')}",
            description=DESCRIPTION.format(name=name),
            response_class=Response,
            response_description="The message was received.",
        )(receiver(schema))
    return router


def receiver(schema: type[EventRead]) -> Callable[..., Awaitable[None]]:
    """Return an endpoint with the parameters of a message."""

    async def receive(message: Any, id_: MessageId, sent_at: SentAt, signature: Signature) -> None:
        """Receive a message."""

    receive.__annotations__["message"] = schema
    return receive
