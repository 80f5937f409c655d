"""The route of the token endpoint: only password grants take a turn."""

from fastapi import Request

from app.features.auth.limited_route import LimitedRoute
from app.features.auth.oauth_form import get_parameters


class TokenRoute(LimitedRoute):
    """Lets a refresh pass while sign-ins wait for the threads that hash passwords."""

    async def hashes_password(self, request: Request) -> bool:
        return (await get_parameters(request)).get("grant_type", "password") == "password"
