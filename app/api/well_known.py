"""Well-known addresses (RFC 8615) that other services look for."""

from fastapi import APIRouter, Request, Response

from app.schemas.jwk import JwkSet

router = APIRouter(tags=["system"])


@router.get("/.well-known/jwks.json", response_model_exclude_none=True)
async def read_jwks(request: Request, response: Response) -> JwkSet:
    """Read the public keys that verify access tokens (RFC 7517); none when signing is symmetric."""
    response.headers["Cache-Control"] = "public, max-age=300"
    return JwkSet.model_validate(request.app.state.token_signer.jwks())
