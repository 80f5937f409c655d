"""Dependencies of the webhook endpoints."""

import uuid
from collections.abc import Iterable
from typing import Annotated

from fastapi import Depends, Path, Query, Request

from app.db.dependencies import Reads, UnitOfWorkDep
from app.db.listing import Filters
from app.errors import InsufficientScope, Unprocessable, Violation
from app.features.events.event_types import scopes_to_receive
from app.features.users.crud import credentials
from app.features.webhooks.crud import deliveries as webhook_deliveries
from app.features.webhooks.crud import webhooks
from app.features.webhooks.lifespan import WebhookResources
from app.features.webhooks.models.delivery import DeliveryStatus, WebhookDelivery
from app.features.webhooks.models.webhook import Webhook, WebhookRow
from app.features.webhooks.schemas.delivery import DELIVERY_EXAMPLE_ID
from app.features.webhooks.schemas.webhook import EXAMPLE_ID, WebhookCreate, WebhookUpdate
from app.features.webhooks.scopes import WebhookManager
from app.features.webhooks.ssrf_guard import DestinationRejected
from app.http.pagination import Pagination, paginated
from app.http.precondition_dependency import PreconditionDep
from app.resources import resources_of
from app.security.principals import Principal

WebhookId = Annotated[uuid.UUID, Path(description="Id of the webhook.", examples=[EXAMPLE_ID])]
DeliveryId = Annotated[
    uuid.UUID, Path(description="Id of the delivery.", examples=[DELIVERY_EXAMPLE_ID])
]


async def get_webhook(webhook_id: WebhookId, reads: Reads, principal: WebhookManager) -> WebhookRow:
    return await webhooks.get(reads, webhook_id, viewer=principal)


async def get_own_webhook(
    webhook_id: WebhookId,
    uow: UnitOfWorkDep,
    principal: WebhookManager,
    precondition: PreconditionDep,
) -> Webhook:
    await credentials.lock_live(uow, principal)
    webhook = await webhooks.get_for_change(uow, webhook_id, viewer=principal)
    precondition.check(webhook)
    return webhook


OwnWebhook = Annotated[Webhook, Depends(get_own_webhook)]


async def get_own_delivery(
    webhook_id: WebhookId, delivery_id: DeliveryId, uow: UnitOfWorkDep, principal: WebhookManager
) -> WebhookDelivery:
    delivery, webhook = await webhook_deliveries.get_for_change(
        uow, delivery_id, webhook_id, viewer=principal
    )
    webhook.check_active()
    return delivery


async def get_new_webhook(
    data: WebhookCreate, request: Request, uow: UnitOfWorkDep, principal: WebhookManager
) -> WebhookCreate:
    check_url(request, data.url)
    permit_events(principal, data.events)
    await credentials.lock_live(uow, principal)
    return data


async def get_webhook_update(
    data: WebhookUpdate, webhook: OwnWebhook, request: Request, principal: WebhookManager
) -> WebhookUpdate:
    fields = data.model_dump()
    if "url" in fields:
        check_url(request, fields["url"])
    permit_events(principal, fields.get("events", webhook.events))
    return data


def check_url(request: Request, url: str) -> None:
    """Check the URL of a webhook; the addresses of its host are checked when a message is sent.

    Raises:
        Unprocessable: the SSRF guard rejects the URL.
    """
    try:
        resources_of(request)[WebhookResources].ssrf_guard.check(url)
    except DestinationRejected as error:
        violation = Violation("/body/url", str(error), "destination_refused")
        raise Unprocessable(violations=[violation]) from None


def permit_events(principal: Principal, events: Iterable[str]) -> None:
    """Check that the credential could read all events that the webhook receives.

    Raises:
        InsufficientScope: the caller lacks the scope to receive one of them.
    """
    missing = scopes_to_receive(events) - principal.scopes
    if missing:
        raise InsufficientScope(f"These events require {', '.join(sorted(missing))}.")


async def get_delivery_filters(
    status: Annotated[DeliveryStatus | None, Query(description="With this status.")] = None,
) -> Filters:
    return {"status": status}


ReadableWebhook = Annotated[WebhookRow, Depends(get_webhook)]
NewWebhook = Annotated[WebhookCreate, Depends(get_new_webhook)]
WebhookChange = Annotated[WebhookUpdate, Depends(get_webhook_update)]
OwnDelivery = Annotated[WebhookDelivery, Depends(get_own_delivery)]
DeliveryFilters = Annotated[Filters, Depends(get_delivery_filters)]
WebhookPagination = Annotated[Pagination, Depends(paginated(webhooks.LISTING))]
DeliveryPagination = Annotated[Pagination, Depends(paginated(webhook_deliveries.LISTING))]
