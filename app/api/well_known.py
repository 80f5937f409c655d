"""Well-known addresses (RFC 8615) that other services look for."""

from typing import Any

from fastapi import APIRouter, Request, Response

router = APIRouter(tags=["system"])


@router.get("/.well-known/jwks.json")
async def read_jwks(request: Request, response: Response) -> dict[str, list[dict[str, Any]]]:
    """Read the public keys that verify access tokens (RFC 7517); none when signing is symmetric."""
    response.headers["Cache-Control"] = "public, max-age=300"
    keys: dict[str, list[dict[str, Any]]] = request.app.state.token_signer.jwks()
    return keys
