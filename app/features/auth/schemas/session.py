"""Schemas of token responses and requests."""

from typing import Annotated

from pydantic import Field

from app.http.schemas import OPAQUE, RequestModel, ResponseModel, Storable


class TokenPair(ResponseModel):
    """RFC 6749, section 5.1."""

    access_token: str = Field(max_length=4096)
    """Access token, which is sent as `Authorization: Bearer`."""
    token_type: str = Field(default="bearer", max_length=10, examples=["bearer"])
    """`bearer` (RFC 6750)."""
    expires_in: int = Field(ge=1, le=86_400, description="Seconds until the access token expires.")
    refresh_token: str = Field(max_length=200)
    """Token that is exchanged once for a new pair."""
    scope: str = Field(max_length=500, examples=["items:read items:write"])
    """Scopes of the tokens, separated by spaces."""


class RefreshRequest(RequestModel):
    refresh_token: Annotated[
        # Longer than our refresh tokens: another kind of token is invalid, not a malformed body.
        Storable, Field(min_length=1, max_length=4096, examples=["AZ8Hc1kO7n2Q..."]), OPAQUE
    ]
    """The refresh token of the last response."""
