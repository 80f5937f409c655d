"""Endpoints of the external API."""

from fastapi import APIRouter

from app.errors import NotFound
from app.features.external.client import ExternalApiNotConfigured
from app.features.external.dependencies import ExternalApiDep, ExternalResourceId
from app.features.external.schemas import AggregateRead, ExternalRead, QuotesRead
from app.features.http_client.client import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from app.features.items.dependencies import ReadableItem
from app.http.problem_details import responses
from app.http.routes import ServiceRoute
from app.security.authentication import CurrentPrincipal

router = APIRouter(tags=["external"], route_class=ServiceRoute)
quotes_router = APIRouter(tags=["items"], route_class=ServiceRoute)

FAILURES = (UpstreamFailed, UpstreamTimeout, UpstreamUnavailable, ExternalApiNotConfigured)


@router.get("/external/{resource_id}", responses=responses(NotFound, *FAILURES))
async def read_external_resource(
    _: CurrentPrincipal, external_api: ExternalApiDep, resource_id: ExternalResourceId
) -> ExternalRead:
    """Read a resource of the external service, at most a minute old, within three seconds."""
    return await external_api.resource(resource_id)


@router.get("/aggregate", responses=responses(ExternalApiNotConfigured))
async def read_aggregate(_: CurrentPrincipal, external_api: ExternalApiDep) -> AggregateRead:
    """Read three resources of the external service at once; failures are listed."""
    return await external_api.aggregate()


@quotes_router.get(
    "/items/{item_id}/quotes", responses=responses(NotFound, ExternalApiNotConfigured)
)
async def list_quotes(item: ReadableItem, external_api: ExternalApiDep) -> QuotesRead:
    """Request the price of the item from all suppliers at once; failures are listed."""
    return await external_api.quotes(item["id"])
