"""The dashboard, as endpoints ask for it."""

from typing import Annotated

from fastapi import Depends

from app.errors import NotPermitted
from app.security.authentication import ItemReader
from app.security.principals import Principal, Role


async def get_dashboard_reader(principal: ItemReader) -> Principal:
    if principal.role is Role.GUEST:
        raise NotPermitted("The dashboard is for users and administrators.")
    return principal


DashboardReader = Annotated[Principal, Depends(get_dashboard_reader)]
