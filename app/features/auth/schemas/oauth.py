"""Schema of the OAuth 2.0 authorization server metadata (RFC 8414, section 2)."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.http.schemas import ResponseModel

Url = Annotated[str, Field(max_length=2000)]
Names = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)]


class AuthorizationServerMetadata(ResponseModel):
    """Endpoints at which a client gets, refreshes and revokes tokens, and the supported scopes."""

    # Fields without a value are omitted (RFC 8414, section 3.2).
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    issuer: Url = Field(examples=["https://api.example.com"])
    """URL of the service, the `iss` of its access tokens."""
    token_endpoint: Url
    """URL to sign in and to refresh tokens."""
    revocation_endpoint: Url
    """URL to revoke tokens (RFC 7009)."""
    jwks_uri: Url | None = None
    """URL of the public keys; absent if signing is symmetric."""
    service_documentation: Url | None = None
    """URL of the documentation for developers; absent if it is disabled."""
    scopes_supported: Names
    """Scopes that tokens can have."""
    grant_types_supported: Names
    """Grant types of the token endpoint."""
    response_types_supported: Names
    """`none`: there is no authorization endpoint."""
    token_endpoint_auth_methods_supported: Names
    """`none`: clients do not authenticate."""
    revocation_endpoint_auth_methods_supported: Names
    """`none`: clients do not authenticate."""
