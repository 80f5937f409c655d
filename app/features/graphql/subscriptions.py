"""GraphQL subscriptions of one authenticated WebSocket."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from graphql import GraphQLError, OperationType
from strawberry.types.execution import ExecutionResult, PreExecutionError

from app.errors import AppError, TooManyRequests
from app.features.graphql.channel import Channel
from app.features.graphql.close_reasons import GraphQLCloseCode
from app.features.graphql.context import SubscriptionContext
from app.features.graphql.errors import InvalidQuery
from app.features.graphql.limits import check_query
from app.features.graphql.operations import selected_operation
from app.features.graphql.request import GraphQLRequest
from app.features.graphql.schema import Schema, error_of
from app.features.graphql.websocket_messages import Complete, Init, Message, Subscribe
from app.features.streams.close_codes import CloseCode
from app.features.streams.lifespan import StreamResources
from app.features.streams.websocket import CloseReason
from app.security.rate_limit import Windows
from app.security.resources import RequestRateLimit

MAX_OPERATIONS = 10


class SubscriptionConnection:
    """One WebSocket connection and its running operations by id."""

    def __init__(self, channel: Channel, schema: Schema, context: SubscriptionContext) -> None:
        self._channel = channel
        self._schema = schema
        self._context = context
        self._operations: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> CloseReason:
        """Serve the initialised connection until there is a reason to close it.

        `Closed` is raised after the client has left, or sent an invalid message.
        """
        await self._channel.send({"type": "connection_ack"})
        try:
            return await self._serve()
        finally:
            for operation in self._operations.values():
                operation.cancel()

    async def _serve(self) -> CloseReason:
        while True:
            message = await self._channel.receive()
            if await self._is_flooding():
                return CloseCode.TOO_MANY_MESSAGES, "too many messages"
            close_reason = await self._handle(message)
            if close_reason:
                return close_reason

    async def _handle(self, message: Message) -> CloseReason | None:
        if isinstance(message, Init):
            reason = "Too many initialisation requests"
            return GraphQLCloseCode.TOO_MANY_INITIALISATIONS, reason
        if isinstance(message, Subscribe):
            return self._start(message)
        if isinstance(message, Complete):
            self._stop(message.id)
        elif message.type == "ping":
            await self._channel.send({"type": "pong"})
        return None

    def _start(self, message: Subscribe) -> CloseReason | None:
        if message.id in self._operations:
            reason = f"Subscriber for {message.id} already exists"
            return GraphQLCloseCode.SUBSCRIBER_EXISTS, reason
        if len(self._operations) >= MAX_OPERATIONS:
            return CloseCode.TOO_MANY_MESSAGES, "too many operations"
        self._operations[message.id] = asyncio.create_task(self._execute(message))
        return None

    def _stop(self, name: str) -> None:
        if operation := self._operations.pop(name, None):
            operation.cancel()

    async def _execute(self, message: Subscribe) -> None:
        try:
            async for result in self._results(message.payload):
                payload = {"data": result.data, **self._errors(result.errors)}
                await self._channel.send({"type": "next", "id": message.id, "payload": payload})
            await self._channel.send({"type": "complete", "id": message.id})
        except GraphQLError as error:
            errors = [error_of(error, self._channel.websocket.scope)]
            await self._channel.send({"type": "error", "id": message.id, "payload": errors})
        finally:
            self._operations.pop(message.id, None)

    async def _results(self, request: GraphQLRequest) -> AsyncIterator[ExecutionResult]:
        """Execute the subscription and yield its results; GraphQLError if it cannot start."""
        try:
            await self._check_rate_limit()
            reject_other_operations(request, self._schema)
        except AppError as error:
            raise GraphQLError(error.detail, original_error=error) from error
        results = await self._schema.subscribe(
            request.query,
            variable_values=request.variables,
            context_value=self._context,
            operation_name=request.operationName,
        )
        async for result in results:
            if isinstance(result, PreExecutionError) and result.errors:
                raise result.errors[0]
            yield result

    async def _is_flooding(self) -> bool:
        """Count one frame of the client, of any content."""
        windows: Windows | None = self._context.resources[StreamResources].message_limit
        key = f"frames:{self._context.principal.id}"
        return windows is not None and (await windows.count(key)).is_rejected

    async def _check_rate_limit(self) -> None:
        """Count each subscription as a request, in the same rate limit as those over HTTP."""
        windows: Windows | None = self._context.resources[RequestRateLimit].windows
        if windows:
            verdict = await windows.count(str(self._context.principal.id))
            if verdict.is_rejected:
                raise TooManyRequests(retry_after_seconds=verdict.reset_seconds)

    def _errors(self, errors: list[GraphQLError] | None) -> dict[str, Any]:
        found = [error_of(error, self._channel.websocket.scope) for error in errors or []]
        return {"errors": found} if found else {}


def reject_other_operations(request: GraphQLRequest, schema: Schema) -> None:
    """Check that the request selects a valid subscription within the limits.

    Raises:
        InvalidQuery: the operation is not a subscription.
    """
    query = check_query(request.query, request.variables, connections=schema.connections)
    operation = selected_operation(query.document, request.operationName)
    if operation.operation is not OperationType.SUBSCRIPTION:
        raise InvalidQuery("Only subscriptions are accepted here; send other operations by POST.")
