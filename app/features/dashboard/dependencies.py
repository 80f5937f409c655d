"""Dependencies of the dashboard endpoint."""

from typing import Annotated

from fastapi import Depends, Request

from app.errors import NotPermitted
from app.features.categories.scopes import ItemReader
from app.features.dashboard.crud import CountingStatements
from app.resources import resources_of
from app.security.principals import Principal, Role


async def get_dashboard_reader(principal: ItemReader) -> Principal:
    """Return the principal.

    Raises:
        NotPermitted: the caller is a guest.
    """
    if principal.role is Role.GUEST:
        raise NotPermitted("The dashboard is for users and administrators.")
    return principal


async def get_counting_statements(request: Request) -> CountingStatements:
    return resources_of(request)[CountingStatements]


DashboardReader = Annotated[Principal, Depends(get_dashboard_reader)]
CountingStatementsDep = Annotated[CountingStatements, Depends(get_counting_statements)]
