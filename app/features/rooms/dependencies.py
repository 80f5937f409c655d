"""Rooms, as endpoints ask for them."""

from typing import Annotated, cast

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.errors import TooManyRequests
from app.features.rooms.rooms import Rooms
from app.features.streams.leases import SocketLeases
from app.features.streams.session_revalidation import Standing
from app.security.authentication import Windows
from app.security.principals import Principal, Scope

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
    return cast("Rooms", connection.app.state.rooms)


async def get_standing(connection: HTTPConnection) -> Standing:
    return cast("Standing", connection.app.state.standing)


async def get_socket_leases(connection: HTTPConnection) -> SocketLeases:
    return cast("SocketLeases", connection.app.state.socket_leases)


SocketLeasesDep = Annotated[SocketLeases, Depends(get_socket_leases)]
RoomsDep = Annotated[Rooms, Depends(get_rooms)]
StandingDep = Annotated[Standing, Depends(get_standing)]
