"""Well-known URIs (RFC 8615) that other services read."""

from functools import cache

from fastapi import APIRouter, Request, Response

from app.config.settings import Settings
from app.feature import load_features
from app.features.auth.resources import AuthResources
from app.features.auth.schemas.jwk import JwkSet
from app.features.auth.schemas.oauth import AuthorizationServerMetadata
from app.features.auth.service_documentation import ServiceDocumentation
from app.features.auth.settings import AuthSettings
from app.http.routes import ServiceRoute
from app.resources import resources_of

router = APIRouter(tags=["system"], route_class=ServiceRoute)

PUBLIC = "public, max-age=300"
PUBLIC_CLIENTS = ["none"]


@router.get("/.well-known/jwks.json", response_model_exclude_none=True)
async def read_jwks(request: Request, response: Response) -> JwkSet:
    """Read the public keys that verify access tokens (RFC 7517); none when signing is symmetric."""
    response.headers["Cache-Control"] = PUBLIC
    return JwkSet.model_validate(resources_of(request)[AuthResources].token_signer.jwks())


@router.get("/.well-known/oauth-authorization-server", response_model_exclude_none=True)
async def read_oauth_metadata(request: Request, response: Response) -> AuthorizationServerMetadata:
    """Read where clients get, refresh and revoke tokens (RFC 8414)."""
    response.headers["Cache-Control"] = PUBLIC
    settings: Settings = resources_of(request)[Settings]
    is_asymmetric = resources_of(request)[AuthSettings].algorithm != "HS256"
    return AuthorizationServerMetadata(
        issuer=settings.public_url,
        token_endpoint=absolute(request, "create_token"),
        revocation_endpoint=absolute(request, "revoke_token"),
        jwks_uri=absolute(request, "read_jwks") if is_asymmetric else None,
        service_documentation=documentation(request) if settings.docs_enabled else None,
        scopes_supported=list(load_features().permissions.descriptions),
        grant_types_supported=["password", "refresh_token"],
        # The RFC requires a non-empty list, although there is no authorization endpoint.
        response_types_supported=["none"],
        token_endpoint_auth_methods_supported=PUBLIC_CLIENTS,
        revocation_endpoint_auth_methods_supported=PUBLIC_CLIENTS,
    )


def documentation(request: Request) -> str | None:
    """Return the URL of the page that an optional feature documents the API with, if any does."""
    pages = documentation_pages()
    return absolute(request, pages[0].route) if pages else None


@cache
def documentation_pages() -> list[ServiceDocumentation]:
    return load_features().extensions("auth", ServiceDocumentation)


def absolute(request: Request, name: str) -> str:
    """Return the public URL of a route, including a path prefix of the proxy."""
    settings: Settings = resources_of(request)[Settings]
    prefix = request.scope.get("root_path", "").rstrip("/")
    return f"{settings.public_url}{prefix}{request.app.url_path_for(name)}"
