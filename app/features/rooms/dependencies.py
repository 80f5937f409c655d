"""Dependencies of the room endpoint: the rooms and the message limiter."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.errors import TooManyRequests
from app.features.rooms.lifespan import RoomResources
from app.features.rooms.rooms import Rooms
from app.features.rooms.scopes import POSTS_WRITE
from app.resources import resources_of
from app.security.principals import Principal
from app.security.rate_limit import Windows

# A client that keeps sending after so many rejections is disconnected.
MAX_REJECTIONS = 100


class MessageLimiter:
    """Room rate limiter: whether a participant may send a message now."""

    def __init__(self, principal: Principal, windows: Windows | None) -> None:
        self.principal = principal
        self._windows = windows
        self._rejections = 0

    async def permit(self) -> None:
        """Count one frame, of any content.

        Raises:
            TooManyRequests: the user sent too many within the window.
            EmailNotVerified: the e-mail address has to be confirmed first.
            InsufficientScope: the participant lacks posts:write.
        """
        if self._windows:
            verdict = await self._windows.count(f"messages:{self.principal.id}")
            if verdict.is_rejected:
                self._rejections += 1
                raise TooManyRequests(
                    f"Wait {verdict.reset_seconds} seconds.",
                    retry_after_seconds=verdict.reset_seconds,
                )
        self.principal.require(POSTS_WRITE.name)

    @property
    def is_flooding(self) -> bool:
        return self._rejections > MAX_REJECTIONS


async def get_rooms(connection: HTTPConnection) -> Rooms:
    return resources_of(connection)[RoomResources].rooms


RoomsDep = Annotated[Rooms, Depends(get_rooms)]
