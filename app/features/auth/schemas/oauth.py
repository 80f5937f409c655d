"""Schema of the OAuth 2.0 authorization server metadata (RFC 8414, section 2)."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.http.schemas import Out

Url = Annotated[str, Field(max_length=2000)]
Names = Annotated[list[Annotated[str, Field(max_length=100)]], Field(max_length=50)]


class AuthorizationServerMetadata(Out):
    """Endpoints at which a client gets, refreshes and revokes tokens, and the supported scopes."""

    # Fields without a value are omitted (RFC 8414, section 3.2).
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    issuer: Url = Field(examples=["https://api.example.com"])
    token_endpoint: Url
    revocation_endpoint: Url
    jwks_uri: Url | None = None
    service_documentation: Url | None = None
    scopes_supported: Names
    grant_types_supported: Names
    response_types_supported: Names
    token_endpoint_auth_methods_supported: Names
    revocation_endpoint_auth_methods_supported: Names
