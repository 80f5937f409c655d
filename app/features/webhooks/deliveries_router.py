"""Endpoints of webhook deliveries: the status of each message."""

from fastapi import APIRouter, Response, status

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import NotFound
from app.features.webhooks.crud import deliveries as webhook_deliveries
from app.features.webhooks.dependencies import (
    DeliveryFilters,
    DeliveryPagination,
    OwnDelivery,
    ReadableWebhook,
)
from app.features.webhooks.models.delivery import (
    DeliveryInProgress,
    MessageExpired,
    WebhookDelivery,
    WebhookDeliveryRow,
)
from app.features.webhooks.models.webhook import WebhookDisabled
from app.features.webhooks.schemas.delivery import WebhookDeliveryRead
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute

router = APIRouter(
    prefix="/webhooks/{webhook_id}/deliveries", tags=["webhooks"], route_class=UnitOfWorkRoute
)


@router.get("", response_model=Page[WebhookDeliveryRead], responses=responses(NotFound))
async def list_webhook_deliveries(
    webhook: ReadableWebhook,
    reads: Reads,
    filters: DeliveryFilters,
    pagination: DeliveryPagination,
) -> Response:
    """List the deliveries of the last 30 days with their status, newest first."""
    page = await webhook_deliveries.list_page(
        reads, pagination.page, filters, webhook_id=webhook["id"]
    )
    return pagination.respond(page, WebhookDeliveryRow)


@router.post(
    "/{delivery_id}/redeliver",
    response_model=WebhookDeliveryRead,
    status_code=status.HTTP_202_ACCEPTED,
    responses=responses(NotFound, WebhookDisabled, DeliveryInProgress, MessageExpired),
)
async def redeliver_webhook_delivery(delivery: OwnDelivery, uow: UnitOfWorkDep) -> WebhookDelivery:
    """Send the message again, with the same `webhook-id`, while its event is stored (7 days)."""
    return await webhook_deliveries.redeliver(uow, delivery)
