"""Subscriptions over a WebSocket, by the protocol graphql-transport-ws.

https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from graphql import GraphQLError, OperationType
from pydantic import ValidationError
from strawberry.types.execution import ExecutionResult, PreExecutionError

from app.db.dependencies import Reads
from app.errors import AppError, TooManyRequests
from app.features.graphql.context import SubscriptionContext
from app.features.graphql.lifespan import GraphQLResources
from app.features.graphql.limits import InvalidQuery, checked
from app.features.graphql.operations import chosen
from app.features.graphql.request import GraphQLRequest
from app.features.graphql.schema import Schema, error_of
from app.features.graphql.websocket_messages import MESSAGE, Complete, Init, Message, Subscribe
from app.features.streams.authentication import StreamCaller
from app.features.streams.dependencies import RevalidationDep, SocketLeasesDep
from app.features.streams.lifespan import StreamResources
from app.features.streams.websocket import CloseReason, close, first_to_end, until_ended
from app.http.close_codes import CloseCode
from app.http.origin_check import KnownOrigin
from app.http.query_parameters import KnownParameters
from app.resources import resources
from app.security.rate_limit import Windows
from app.security.resources import RequestRateLimit

router = APIRouter(tags=["graphql"])

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10.0
MAX_OPERATIONS = 10


@router.websocket("/graphql", dependencies=[KnownOrigin, KnownParameters])
async def follow_graphql(
    websocket: WebSocket,
    caller: StreamCaller,
    reads: Reads,
    revalidation: RevalidationDep,
    leases: SocketLeasesDep,
) -> None:
    """Follow events with GraphQL subscriptions."""
    context = SubscriptionContext(caller, reads, resources(websocket))
    with revalidation.watch(caller) as guard:
        async with leases.held(caller.id):
            ending = await greet(websocket)
            if ending is None:
                conversation = Conversation(websocket, context)
                ending = await first_to_end(conversation.run(), until_ended(guard))
    if ending:
        await close(websocket, ending)


async def greet(websocket: WebSocket) -> CloseReason | None:
    speaks = PROTOCOL in websocket.scope["subprotocols"]
    await websocket.accept(PROTOCOL if speaks else None)
    return None if speaks else (4406, "Subprotocol not acceptable")


class Conversation:
    """One socket: its operations by their ids."""

    def __init__(self, websocket: WebSocket, context: SubscriptionContext) -> None:
        self._websocket = websocket
        self._context = context
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> CloseReason | None:
        """Until the client leaves (None), or there is a reason to close."""
        try:
            async with asyncio.timeout(INIT_SECONDS):
                if not isinstance(await self._receive(), Init):
                    return 4401, "Unauthorized"
        except TimeoutError:
            return 4408, "Connection initialisation timeout"
        except (ValidationError, WebSocketDisconnect) as error:
            return self._broken(error)
        await self._send({"type": "connection_ack"})
        try:
            return await self._converse()
        except (ValidationError, WebSocketDisconnect) as error:
            return self._broken(error)
        finally:
            for operation in self._operations.values():
                operation.cancel()

    def _broken(self, error: Exception) -> CloseReason | None:
        return None if isinstance(error, WebSocketDisconnect) else (4400, "Invalid message")

    async def _converse(self) -> CloseReason:
        while True:
            message = await self._receive()
            if await self._is_flooding():
                return CloseCode.TOO_MANY_MESSAGES, "too many messages"
            ending = await self._answer(message)
            if ending:
                return ending

    async def _answer(self, message: Message) -> CloseReason | None:
        if isinstance(message, Init):
            return 4429, "Too many initialisation requests"
        if isinstance(message, Subscribe):
            return self._begin(message)
        if isinstance(message, Complete):
            self._end(message.id)
        elif message.type == "ping":
            await self._send({"type": "pong"})
        return None

    def _begin(self, asked: Subscribe) -> CloseReason | None:
        if asked.id in self._operations:
            return 4409, f"Subscriber for {asked.id} already exists"
        if len(self._operations) >= MAX_OPERATIONS:
            return CloseCode.TOO_MANY_MESSAGES, "too many operations"
        self._operations[asked.id] = asyncio.create_task(self._follow(asked))
        return None

    def _end(self, name: str) -> None:
        if operation := self._operations.pop(name, None):
            operation.cancel()

    async def _receive(self) -> Message:
        frame = await self._websocket.receive()
        if frame["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(frame.get("code", 1005))
        return MESSAGE.validate_json(frame.get("text") or "")

    async def _send(self, message: dict[str, Any]) -> None:
        with suppress(WebSocketDisconnect, RuntimeError):  # The client has gone.
            await self._websocket.send_text(json.dumps(message))

    async def _follow(self, asked: Subscribe) -> None:
        try:
            async for result in self._results(asked.payload):
                payload = {"data": result.data, **self._errors(result.errors)}
                await self._send({"type": "next", "id": asked.id, "payload": payload})
            await self._send({"type": "complete", "id": asked.id})
        except GraphQLError as error:
            errors = [error_of(error, self._websocket.scope)]
            await self._send({"type": "error", "id": asked.id, "payload": errors})
        finally:
            self._operations.pop(asked.id, None)

    async def _results(self, asked: GraphQLRequest) -> AsyncIterator[ExecutionResult]:
        """Raises GraphQLError: the operation cannot begin."""
        schema: Schema = resources(self._websocket)[GraphQLResources].schema
        try:
            await self._permit()
            refuse_other_operations(asked, schema)
        except AppError as error:
            raise GraphQLError(error.detail, original_error=error) from error
        results = await schema.subscribe(
            asked.query,
            variable_values=asked.variables,
            context_value=self._context,
            operation_name=asked.operationName,
        )
        async for result in results:
            if isinstance(result, PreExecutionError) and result.errors:
                raise result.errors[0]
            yield result

    async def _is_flooding(self) -> bool:
        """Count one frame of the client, of any content."""
        windows: Windows | None = resources(self._websocket)[StreamResources].message_limit
        key = f"frames:{self._context.principal.id}"
        return windows is not None and (await windows.count(key)).is_refused

    async def _permit(self) -> None:
        """Raises TooManyRequests: each subscription counts like a request, however it is sent."""
        windows: Windows | None = resources(self._websocket)[RequestRateLimit].windows
        if windows:
            verdict = await windows.count(str(self._context.principal.id))
            if verdict.is_refused:
                raise TooManyRequests(retry_after_seconds=verdict.reset_seconds)

    def _errors(self, errors: list[GraphQLError] | None) -> dict[str, Any]:
        found = [error_of(error, self._websocket.scope) for error in errors or []]
        return {"errors": found} if found else {}


def refuse_other_operations(asked: GraphQLRequest, schema: Schema) -> None:
    query = checked(asked.query, asked.variables, connections=schema.connections)
    operation = chosen(query.document, asked.operationName)
    if operation.operation is not OperationType.SUBSCRIPTION:
        raise InvalidQuery("Only subscriptions come here; send the others by POST.")
