"""Rooms, as endpoints ask for them."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.errors import TooManyRequests
from app.features.rooms.lifespan import RoomResources
from app.features.rooms.rooms import Rooms
from app.resources import resources
from app.security.principals import Principal, Scope
from app.security.rate_limit import Windows

# Who goes on sending after so many refusals is put out.
REFUSALS = 100


class Speaker:
    """Whether a member may say something now."""

    def __init__(self, principal: Principal, windows: Windows | None) -> None:
        self.principal = principal
        self._windows = windows
        self._refusals = 0

    async def permit(self) -> None:
        """Count one frame, whatever is in it.

        Raises:
            TooManyRequests: there were too many within the window.
            InsufficientScope: the member may only listen.
        """
        if self._windows:
            verdict = await self._windows.count(f"messages:{self.principal.id}")
            if verdict.is_refused:
                self._refusals += 1
                raise TooManyRequests(
                    f"Wait {verdict.reset_seconds} seconds.",
                    retry_after_seconds=verdict.reset_seconds,
                )
        self.principal.require(Scope.POSTS_WRITE)

    @property
    def is_flooding(self) -> bool:
        return self._refusals > REFUSALS


async def get_rooms(connection: HTTPConnection) -> Rooms:
    return resources(connection)[RoomResources].rooms


RoomsDep = Annotated[Rooms, Depends(get_rooms)]
