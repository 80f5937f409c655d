"""The database, as endpoints ask for it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Annotated, cast

from fastapi import Depends, Request
from fastapi.requests import HTTPConnection

from app.db.reads import ReadPool
from app.db.session import AsyncSession, transaction

OpenTransaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


async def get_session(request: Request) -> AsyncSession:
    """The session of the request's unit of work, which its route opens and commits."""
    return cast("AsyncSession", request.state.session)


async def get_reads(connection: HTTPConnection) -> ReadPool:
    return cast("ReadPool", connection.app.state.reads)


async def get_transactions(connection: HTTPConnection) -> OpenTransaction:
    return partial(transaction, connection.app.state.sessionmaker)


# Needs a router with `route_class=UnitOfWorkRoute`: see app/api/unit_of_work.py.
SessionDep = Annotated[AsyncSession, Depends(get_session)]
# For endpoints that commit although they answer with an error.
Transactions = Annotated[OpenTransaction, Depends(get_transactions)]
Reads = Annotated[ReadPool, Depends(get_reads)]
