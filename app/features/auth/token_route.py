"""Route class of the token endpoint: limits the concurrency of password grants only."""

from fastapi import Request

from app.features.auth.limited_route import LimitedRoute
from app.features.auth.oauth_form import get_parameters


class TokenRoute(LimitedRoute):
    """Serves a refresh at once while sign-ins wait for the hashing threads."""

    async def hashes_password(self, request: Request) -> bool:
        return (await get_parameters(request)).get("grant_type", "password") == "password"
