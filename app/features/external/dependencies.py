"""Dependency of the external API client."""

from typing import Annotated

from fastapi import Depends, Path, Request

from app.features.external.client import ExternalApi, ExternalApiNotConfigured
from app.features.external.lifespan import ExternalResources
from app.features.external.schemas import ResourceId
from app.resources import resources_of


async def get_external_api(request: Request) -> ExternalApi:
    """Return the client of the external API.

    Raises:
        ExternalApiNotConfigured: EXTERNAL_API_URL is empty.
    """
    external_api: ExternalApi | None = resources_of(request)[ExternalResources].api
    if external_api is None:
        raise ExternalApiNotConfigured
    return external_api


ExternalApiDep = Annotated[ExternalApi, Depends(get_external_api)]
ExternalResourceId = Annotated[
    ResourceId, Path(description="Id of the resource at the external service.")
]
