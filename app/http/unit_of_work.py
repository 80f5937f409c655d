"""Unit of work: one transaction per request, committed before the response is sent.

A route and not a dependency: a transaction that PostgreSQL aborted because of a concurrent one is
retried as a whole, and the response for an Idempotency-Key is stored in the transaction of the
write. See docs/adr/0003-commit-before-the-response.md.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import Request, Response
from fastapi.dependencies.models import Dependant

from app.db.dependencies import (
    get_session,
    get_transaction,
    open_driver_transaction,
    open_transaction,
)
from app.db.errors import REPEATABLE
from app.db.session import Transaction
from app.fastpath.route import FastRoute, Handler
from app.http.idempotency.route import Guard, guards_of, respond_idempotently
from app.runtime.jitter import jitter

Begin = Callable[[Request], AbstractAsyncContextManager[Transaction]]

ATTEMPTS = 3
PAUSE_SECONDS = 0.02


class UnitOfWorkRoute(FastRoute):
    """A route whose writes share one transaction, which `SessionDep` gives to the endpoint.

    `TransactionDep` suffices for statements of app/db/compiled_insert.py, without an ORM session.
    """

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        if self.methods == {"GET"}:
            return handler
        calls = set(calls_of(self.dependant))
        uses_driver = get_transaction in calls and get_session not in calls
        begin = open_driver_transaction if uses_driver else open_transaction
        return in_transaction(handler, begin, list(guards_of(self.dependant)))


def calls_of(dependant: Dependant) -> Iterator[Callable[..., Any] | None]:
    """Yield the endpoint and its dependencies."""
    yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def in_transaction(handler: Handler, begin: Begin, guards: Sequence[Guard]) -> Handler:
    async def attempt(request: Request, number: int = 1) -> Response:
        try:
            async with begin(request) as session:
                request.state.session = session
                return await respond_idempotently(request, handler, guards)
        except REPEATABLE:
            if number == ATTEMPTS:
                raise
        await asyncio.sleep(jitter(0, PAUSE_SECONDS * number))
        return await attempt(request, number + 1)

    return attempt
