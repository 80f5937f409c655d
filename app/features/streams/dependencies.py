"""Leases and revalidation, as the endpoints of streams ask for them."""

from typing import Annotated

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.features.streams.leases import SocketLeases
from app.features.streams.lifespan import StreamResources
from app.features.streams.session_revalidation import Standing
from app.resources import resources


async def get_standing(connection: HTTPConnection) -> Standing:
    return resources(connection)[StreamResources].standing


async def get_socket_leases(connection: HTTPConnection) -> SocketLeases:
    return resources(connection)[StreamResources].leases


SocketLeasesDep = Annotated[SocketLeases, Depends(get_socket_leases)]
StandingDep = Annotated[Standing, Depends(get_standing)]
