"""The WebSocket of GraphQL subscriptions."""

from fastapi import APIRouter, WebSocket

from app.db.dependencies import Reads
from app.features.graphql.lifespan import GraphQLResources
from app.features.streams.authentication import StreamCaller
from app.features.streams.dependencies import RevalidationDep, SocketLeasesDep
from app.features.streams.websocket import CloseReason, close, first_to_end, until_ended
from app.http.origin_check import KnownOrigin
from app.http.query_parameters import KnownParameters
from app.resources import resources

router = APIRouter(tags=["graphql"])

PROTOCOL = "graphql-transport-ws"


@router.websocket("/graphql", dependencies=[KnownOrigin, KnownParameters])
async def follow_graphql(
    websocket: WebSocket,
    caller: StreamCaller,
    reads: Reads,
    revalidation: RevalidationDep,
    leases: SocketLeasesDep,
) -> None:
    """Follow events with GraphQL subscriptions."""
    with revalidation.watch(caller) as guard:
        async with leases.held(caller.id):
            close_reason = await accept(websocket)
            if close_reason is None:
                executor = await resources(websocket)[GraphQLResources].executor()
                connection = executor.connection(websocket, caller, reads)
                close_reason = await first_to_end(connection.run(), until_ended(guard))
    if close_reason:
        await close(websocket, close_reason)


async def accept(websocket: WebSocket) -> CloseReason | None:
    """Accept the WebSocket; return a reason to close it if the subprotocol is not supported."""
    is_supported = PROTOCOL in websocket.scope["subprotocols"]
    await websocket.accept(PROTOCOL if is_supported else None)
    return None if is_supported else (4406, "Subprotocol not acceptable")
