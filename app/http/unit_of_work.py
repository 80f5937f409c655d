"""Unit of work: one transaction per request, committed before the response is sent.

A route and not a dependency: a transaction that PostgreSQL aborted because of a concurrent one is
retried as a whole, and a feature may store the response in the transaction of the write.
See docs/adr/0003-commit-before-the-response.md.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from fastapi import Request, Response

from app.db.dependencies import open_transaction
from app.db.errors import REPEATABLE
from app.http.dependency_tree import Guard, guards_of
from app.http.routes import Handler, ServiceRoute
from app.resources import resources_of
from app.runtime.jitter import jitter

# Responds to a write in its transaction, or lets the endpoint respond.
RespondToWrite = Callable[[Request, Handler, Sequence[Guard]], Awaitable[Response]]

ATTEMPTS = 3
PAUSE_SECONDS = 0.02


@dataclass(frozen=True)
class WriteResponses:
    """Responder to writes: the endpoint, unless a feature declares another one."""

    respond: RespondToWrite


def respond_by_endpoint(
    request: Request, handler: Handler, _: Sequence[Guard]
) -> Awaitable[Response]:
    return handler(request)


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
                respond = resources_of(request)[WriteResponses].respond
                return await respond(request, handler, guards)
        except REPEATABLE:
            if number == ATTEMPTS:
                raise
        await asyncio.sleep(jitter(0, PAUSE_SECONDS * number))
        return await attempt(request, number + 1)

    return attempt
