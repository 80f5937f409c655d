"""The WebSocket of GraphQL subscriptions."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, WebSocket

from app.db.dependencies import Reads
from app.db.executor import Reader
from app.features.graphql.authentication import (
    HandshakeCaller,
    authenticate_init,
    reject_second_credential,
)
from app.features.graphql.channel import Channel
from app.features.graphql.close_reasons import Closed, GraphQLCloseCode, closing_on_error
from app.features.graphql.lifespan import GraphQLResources
from app.features.streams.lifespan import StreamResources
from app.features.streams.origin_check import KnownOrigin
from app.features.streams.session_revalidation import ConnectionGuard
from app.features.streams.websocket import CloseReason, close, first_to_end
from app.http.query_parameters import KnownParameters
from app.network.client_address import client_network
from app.resources import resources_of
from app.security.authentication import client_address
from app.security.principals import Principal

router = APIRouter(tags=["graphql"])


@router.websocket("/graphql", dependencies=[KnownOrigin])
async def follow_graphql(
    websocket: WebSocket,
    caller: HandshakeCaller,
    reads: Reads,
    # After the caller: a token in the URL is not an unknown parameter.
    _: Annotated[None, KnownParameters],
) -> None:
    """Follow events with GraphQL subscriptions."""
    channel = Channel(websocket)
    serve = serve_caller(channel, caller, reads) if caller else serve_anonymous(channel, reads)
    try:
        close_reason = await serve
    except Closed as closed:
        close_reason = closed.reason
    if close_reason:
        await close(websocket, close_reason)


async def serve_caller(channel: Channel, caller: Principal, reads: Reader) -> CloseReason | None:
    """Serve the caller of the handshake; errors before `accept` are HTTP responses."""

    async def follow_after_init() -> CloseReason | None:
        reject_second_credential(await channel.initialised())
        return await follow(channel, caller, reads)

    async with admitted(channel.websocket, caller) as guard:
        await channel.accept()
        return await first_to_end(follow_after_init(), until_ended(guard))


async def serve_anonymous(channel: Channel, reads: Reader) -> CloseReason | None:
    """Serve the client after `connection_init` has authenticated it."""
    anonymous_sockets = resources_of(channel.websocket)[GraphQLResources].anonymous_sockets
    async with AsyncExitStack() as stack:
        with anonymous_sockets.counted(client_network(client_address(channel.websocket))):
            await channel.accept()
            init = await channel.initialised()
            with closing_on_error():
                caller = await authenticate_init(channel.websocket, init)
                guard = await stack.enter_async_context(admitted(channel.websocket, caller))
        return await first_to_end(follow(channel, caller, reads), until_ended(guard))


@asynccontextmanager
async def admitted(websocket: WebSocket, caller: Principal) -> AsyncIterator[ConnectionGuard]:
    """Revalidate the credential of the caller, and count the WebSocket.

    Raises:
        TooManySockets: the user has as many as allowed.
        Overloaded: the process has as many streams as it can serve.
    """
    streams = resources_of(websocket)[StreamResources]
    with streams.revalidation.watch(caller) as guard:
        async with streams.leases.held(caller.id):
            yield guard


async def follow(channel: Channel, caller: Principal, reads: Reader) -> CloseReason | None:
    executor = await resources_of(channel.websocket)[GraphQLResources].executor()
    return await executor.connection(channel, caller, reads).run()


async def until_ended(guard: ConnectionGuard) -> CloseReason:
    """Wait until the credential expires or is revoked; the client may send a new one."""
    await guard.ended.wait()
    return GraphQLCloseCode.FORBIDDEN, guard.reason
