"""Unit of work: one transaction per request, committed before the response is sent.

A route and not a dependency: a transaction that PostgreSQL aborted because of a concurrent one is
retried as a whole, and the response for an Idempotency-Key is stored in the transaction of the
write. See docs/adr/0003-commit-before-the-response.md.
"""

import asyncio
from collections.abc import Sequence

from fastapi import Request, Response

from app.db.dependencies import open_transaction
from app.db.errors import REPEATABLE
from app.http.dependency_tree import Guard, guards_of
from app.http.idempotency.route import respond_idempotently
from app.http.routes import Handler, ServiceRoute
from app.runtime.jitter import jitter

ATTEMPTS = 3
PAUSE_SECONDS = 0.02


class UnitOfWorkRoute(ServiceRoute):
    """A route whose writes share one transaction, which `UnitOfWorkDep` gives to the endpoint."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        if self.methods == {"GET"}:
            return handler
        return in_transaction(handler, list(guards_of(self.dependant)))


def in_transaction(handler: Handler, guards: Sequence[Guard]) -> Handler:
    async def attempt(request: Request, number: int = 1) -> Response:
        try:
            async with open_transaction(request) as uow:
                request.state.unit_of_work = uow
                return await respond_idempotently(request, handler, guards)
        except REPEATABLE:
            if number == ATTEMPTS:
                raise
        await asyncio.sleep(jitter(0, PAUSE_SECONDS * number))
        return await attempt(request, number + 1)

    return attempt
