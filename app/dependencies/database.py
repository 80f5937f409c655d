"""The database, as endpoints ask for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Annotated, cast

from fastapi import Depends
from fastapi.requests import HTTPConnection

from app.db.reads import ReadPool
from app.db.session import AsyncSession, transaction

OpenTransaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]


async def get_session(connection: HTTPConnection) -> AsyncIterator[AsyncSession]:
    async with transaction(connection.app.state.sessionmaker) as session:
        yield session


async def get_reads(connection: HTTPConnection) -> ReadPool:
    return cast("ReadPool", connection.app.state.reads)


async def get_transactions(connection: HTTPConnection) -> OpenTransaction:
    return partial(transaction, connection.app.state.sessionmaker)


# scope="function" commits *before* the response is sent: a client never holds a 201
# for a row that then failed to commit. See docs/adr/0003-commit-before-the-response.md.
SessionDep = Annotated[AsyncSession, Depends(get_session, scope="function")]
# For endpoints that commit although they answer with an error.
Transactions = Annotated[OpenTransaction, Depends(get_transactions)]
Reads = Annotated[ReadPool, Depends(get_reads)]
