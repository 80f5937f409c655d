"""Executor of GraphQL operations: checks the limits, executes, and translates errors."""

from typing import Any

from fastapi import Request
from graphql import GraphQLError, OperationType

from app.db.errors import REPEATABLE
from app.db.executor import Reader
from app.db.unit_of_work import UnitOfWork
from app.errors import MethodNotAllowed
from app.features.graphql.channel import Channel
from app.features.graphql.context import Context, MutationContext, SubscriptionContext
from app.features.graphql.errors import InvalidQuery, QueryTooComplex
from app.features.graphql.limits import CheckedQuery, check_query
from app.features.graphql.operations import selected_operation
from app.features.graphql.request import GraphQLRequest
from app.features.graphql.schema import Schema, error_of
from app.features.graphql.subscriptions import SubscriptionConnection
from app.resources import resources_of
from app.security.authentication import charge
from app.security.principals import Principal

MAX_ERRORS = 50


class Executor:
    """Executes queries and mutations, and creates the connections of subscriptions."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema

    def connection(
        self, channel: Channel, caller: Principal, reads: Reader
    ) -> SubscriptionConnection:
        context = SubscriptionContext(caller, reads, resources_of(channel.websocket))
        return SubscriptionConnection(channel, self._schema, context)

    async def execute(
        self,
        request: Request,
        body: GraphQLRequest,
        principal: Principal,
        reads: Reader,
        uow: UnitOfWork | None,
    ) -> dict[str, Any]:
        """Execute the operation and return its response.

        Args:
            uow: None if only queries are permitted.

        Raises:
            MethodNotAllowed: it is a mutation, and only queries are permitted.
            TooManyRequests: its cost exceeds the rate limit.
            AppError: the transaction has to be repeated.
        """
        try:
            query = check_request(body, self._schema, only_queries=uow is None)
        except (InvalidQuery, QueryTooComplex) as error:
            rejected = GraphQLError(error.detail, original_error=error)
            return {"errors": [error_of(rejected, request.scope)]}
        await charge(request, principal, query.extra_requests)
        known = (principal, reads, resources_of(request))
        context = MutationContext(*known, uow) if uow else Context(*known)
        return await self._response(request, body, context)

    async def _response(
        self, request: Request, body: GraphQLRequest, context: Context
    ) -> dict[str, Any]:
        result = await self._schema.execute(
            body.query,
            variable_values=body.variables,
            context_value=context,
            operation_name=body.operationName,
        )
        # Before the execution, errors have no path and responses no data (GraphQL, section 7.1).
        is_executed = result.data is not None or any(error.path for error in result.errors or [])
        response: dict[str, Any] = {"data": result.data} if is_executed else {}
        # A field that fails on every row would otherwise produce a response of megabytes.
        for failed in (result.errors or [])[:MAX_ERRORS]:
            if isinstance(failed.original_error, REPEATABLE):
                raise failed.original_error  # The route repeats the transaction.
            response.setdefault("errors", []).append(error_of(failed, request.scope))
        return response


def check_request(body: GraphQLRequest, schema: Schema, *, only_queries: bool) -> CheckedQuery:
    """Check the query and return it with its cost.

    Raises:
        MethodNotAllowed: it is a mutation, and only queries are permitted.
        InvalidQuery: it is invalid, selects no operation, or selects a subscription.
        QueryTooComplex: it exceeds a limit.
    """
    query = check_query(body.query, body.variables, connections=schema.connections)
    operation = selected_operation(query.document, body.operationName)
    if operation.operation is OperationType.SUBSCRIPTION:
        raise InvalidQuery("Subscriptions use the WebSocket at this URL.")
    if only_queries and operation.operation is OperationType.MUTATION:
        # GraphQL over HTTP, section 4.2: a link must not change anything.
        raise MethodNotAllowed("Send mutations by POST.", headers={"Allow": "POST"})
    return query
