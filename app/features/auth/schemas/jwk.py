"""Schemas of public keys (RFC 7517)."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from app.http.schemas import Out

Number = Annotated[str, Field(max_length=1000, pattern=r"^[A-Za-z0-9_-]+$")]


class Jwk(Out):
    # The fields of other key types are omitted.
    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    kty: Literal["EC", "RSA"]
    use: Literal["sig"]
    alg: Literal["ES256", "RS256"]
    kid: str = Field(max_length=100)
    crv: Literal["P-256"] | None = None
    x: Number | None = None
    y: Number | None = None
    n: Number | None = None
    e: Number | None = None


class JwkSet(Out):
    keys: list[Jwk] = Field(max_length=10)
