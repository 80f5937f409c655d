"""What other services know, fetched for the caller."""

from fastapi import APIRouter

from app.api.errors import responses
from app.core.errors import NotFound
from app.dependencies.auth import SignedIn
from app.dependencies.external import ExternalApiDep, ExternalResourceId
from app.integrations.external_api import ExternalApiNotConfigured
from app.integrations.outbound import UpstreamFailed, UpstreamTimeout, UpstreamUnavailable
from app.schemas.external import AggregateRead, ExternalRead

router = APIRouter(tags=["external"])

FAILURES = (UpstreamFailed, UpstreamTimeout, UpstreamUnavailable, ExternalApiNotConfigured)


@router.get("/external/{resource_id}", responses=responses(NotFound, *FAILURES))
async def read_external_resource(
    _: SignedIn, external_api: ExternalApiDep, resource_id: ExternalResourceId
) -> ExternalRead:
    """Read a resource of the external service, at most a minute old, within three seconds."""
    return await external_api.resource(resource_id)


@router.get("/aggregate", responses=responses(ExternalApiNotConfigured))
async def read_aggregate(_: SignedIn, external_api: ExternalApiDep) -> AggregateRead:
    """Read three resources of the external service at once; those that fail are named."""
    return await external_api.aggregate()
