"""Endpoints of webhooks."""

from typing import Any

from fastapi import APIRouter, Request, Response, status

from app.db.dependencies import Reads, UnitOfWorkDep
from app.errors import InsufficientScope, NotFound, PreconditionFailed
from app.features.webhooks.crud import deliveries as webhook_deliveries
from app.features.webhooks.crud import webhooks
from app.features.webhooks.delivery import encoded, new_secret
from app.features.webhooks.dependencies import (
    NewWebhook,
    OwnWebhook,
    ReadableWebhook,
    WebhookChange,
    WebhookPagination,
)
from app.features.webhooks.lifespan import WebhookResources
from app.features.webhooks.models.delivery import WebhookDelivery
from app.features.webhooks.models.queue import TooManyDeliveriesWaiting
from app.features.webhooks.models.webhook import (
    TooManyWebhooks,
    Webhook,
    WebhookDisabled,
    WebhookRow,
)
from app.features.webhooks.schemas.delivery import WebhookDeliveryRead
from app.features.webhooks.schemas.webhook import WebhookCreated, WebhookRead, WebhookSecret
from app.features.webhooks.scopes import WebhookManager
from app.features.webhooks.settings import WebhookSettings
from app.http.etag_response import etag_response
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources_of
from app.security.resources import SecurityResources

router = APIRouter(prefix="/webhooks", tags=["webhooks"], route_class=UnitOfWorkRoute)
CHANGES = (NotFound, PreconditionFailed)


@router.get("", response_model=Page[WebhookRead])
async def list_webhooks(
    reads: Reads, principal: WebhookManager, pagination: WebhookPagination
) -> Response:
    """List your webhooks, the newest first; administrators see those of all."""
    page = await webhooks.list_page(reads, pagination.page, viewer=principal)
    return pagination.respond(page, WebhookRow)


@router.post(
    "",
    response_model=WebhookCreated,
    status_code=status.HTTP_201_CREATED,
    responses=responses(InsufficientScope, TooManyWebhooks),
)
async def create_webhook(
    data: NewWebhook, uow: UnitOfWorkDep, principal: WebhookManager, request: Request
) -> Response:
    """Subscribe a URL to events; the secret is shown in this response only."""
    secret = new_secret()
    encrypted = resources_of(request)[SecurityResources].encryptor.encrypt(secret)
    limit = resources_of(request)[WebhookSettings].webhooks_per_user
    webhook = await webhooks.create(uow, data, owner=principal, encrypted=encrypted, limit=limit)
    created = WebhookCreated(**shown(webhook), secret=encoded(secret))
    location = f"{request.url.path}/{webhook.id}"
    return etag_response(request, WebhookCreated, created, location=location)


@router.get("/{webhook_id}", response_model=WebhookRead, responses=responses(NotFound))
async def read_webhook(webhook: ReadableWebhook, request: Request) -> Response:
    """Read one of your webhooks."""
    return etag_response(request, WebhookRead, webhook)


@router.patch(
    "/{webhook_id}",
    response_model=WebhookRead,
    responses=responses(*CHANGES, InsufficientScope),
)
async def update_webhook(
    data: WebhookChange,
    webhook: OwnWebhook,
    uow: UnitOfWorkDep,
    principal: WebhookManager,
    request: Request,
) -> Response:
    """Change fields of your webhook; `is_active` disables it, or enables it again."""
    changed = await webhooks.update_fields(uow, webhook, data, by=principal)
    return etag_response(request, WebhookRead, changed)


@router.delete(
    "/{webhook_id}", status_code=204, response_class=Response, responses=responses(*CHANGES)
)
async def delete_webhook(webhook: OwnWebhook, uow: UnitOfWorkDep) -> None:
    """Delete your webhook and its deliveries."""
    await webhooks.delete(uow, webhook)


@router.post(
    "/{webhook_id}/test",
    response_model=WebhookDeliveryRead,
    status_code=status.HTTP_202_ACCEPTED,
    responses=responses(*CHANGES, WebhookDisabled, TooManyDeliveriesWaiting),
)
async def test_webhook(
    webhook: OwnWebhook, uow: UnitOfWorkDep, request: Request
) -> WebhookDelivery:
    """Send a message of the type `webhook.test`; its delivery shows the outcome."""
    webhook.check_active()
    limits = resources_of(request)[WebhookResources].limits
    return await webhook_deliveries.create_test(uow, webhook, limits)


@router.post("/{webhook_id}/rotate-secret", responses=responses(*CHANGES, InsufficientScope))
async def rotate_webhook_secret(
    webhook: OwnWebhook, uow: UnitOfWorkDep, principal: WebhookManager, request: Request
) -> WebhookSecret:
    """Replace the secret, shown in this response only; the old one also signs for 24 hours.

    Requires the scopes that the webhook was configured with.
    """
    principal.require(*webhook.scopes)
    secret = new_secret()
    encrypted = resources_of(request)[SecurityResources].encryptor.encrypt(secret)
    until = await webhooks.rotate(uow, webhook, encrypted=encrypted)
    return WebhookSecret(secret=encoded(secret), old_secret_until=until)


def shown(webhook: Webhook) -> dict[str, Any]:
    return WebhookRead.model_validate(webhook).model_dump()
