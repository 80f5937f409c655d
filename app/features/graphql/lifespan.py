"""Lifespan: the executor of operations, created by the first one, and bounds of WebSockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from app.config.settings import Settings
from app.feature import Features
from app.features.graphql.anonymous_sockets import AnonymousSockets
from app.features.graphql.extension import GraphQLTypes
from app.startup import Startup

if TYPE_CHECKING:
    from app.features.graphql.executor import Executor  # It imports strawberry: see below.


class GraphQLResources:
    """The count of anonymous WebSockets, and the executor, which the first operation creates.

    strawberry, graphql-core and the schema cost 0.45 s of CPU on a slow machine, and most processes
    execute no operation: they run jobs, or tests, or have clients that use REST. See ADR 0036.
    """

    def __init__(self, features: Features, *, is_open: bool) -> None:
        self.anonymous_sockets = AnonymousSockets()
        self._create = partial(create_executor, features, is_open=is_open)
        self._creation: asyncio.Task[Executor] | None = None

    async def executor(self) -> "Executor":
        """Return the executor; operations that arrive during its creation wait for it."""
        if self._creation is None:
            self._creation = asyncio.create_task(asyncio.to_thread(self._create))
        # The others go on waiting if the client of the first operation disconnects.
        return await asyncio.shield(self._creation)


def create_executor(features: Features, *, is_open: bool) -> "Executor":
    from app.features.graphql.executor import Executor
    from app.features.graphql.schema import create_schema

    return Executor(create_schema(features.extensions("graphql", GraphQLTypes), is_open=is_open))


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[GraphQLResources]:
    is_open = startup.resources[Settings].environment != "production"
    yield GraphQLResources(startup.resources[Features], is_open=is_open)
