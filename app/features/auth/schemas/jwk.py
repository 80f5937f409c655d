"""Schemas of public keys (RFC 7517)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.http.schemas import ResponseModel

Number = Annotated[str, Field(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]


class Jwk(ResponseModel):
    # The fields of other key types are omitted.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    kty: Literal["EC", "RSA"]
    """Key type."""
    use: Literal["sig"]
    """Use of the key: signatures."""
    alg: Literal["ES256", "RS256"]
    """Algorithm of the signatures."""
    kid: str = Field(max_length=100)
    """Key id, which the header of a token names."""
    crv: Literal["P-256"] | None = None
    """Curve of an EC key."""
    x: Number | None = None
    """X coordinate of an EC key, base64url-encoded."""
    y: Number | None = None
    """Y coordinate of an EC key, base64url-encoded."""
    n: Number | None = None
    """Modulus of an RSA key, base64url-encoded."""
    e: Number | None = None
    """Exponent of an RSA key, base64url-encoded."""


class JwkSet(ResponseModel):
    keys: list[Jwk] = Field(max_length=10)
    """The keys that verify access tokens; empty if signing is symmetric."""
