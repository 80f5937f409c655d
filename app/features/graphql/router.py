"""`POST /graphql`: one operation in one transaction, committed before the response is sent."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import JSONResponse, Response
from graphql import GraphQLError, OperationType

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.db.errors import REPEATABLE
from app.errors import AppError
from app.features.graphql.context import Context
from app.features.graphql.lifespan import GraphQLResources
from app.features.graphql.limits import CheckedQuery, InvalidQuery, check_query
from app.features.graphql.operations import selected_operation
from app.features.graphql.request import GraphQLRequest
from app.features.graphql.schema import Schema, error_of
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources
from app.security.authentication import FieldReader, charge

MAX_ERRORS = 50

router = APIRouter(tags=["graphql"], route_class=UnitOfWorkRoute)


async def get_context(
    request: Request,
    principal: FieldReader,
    uow: UnitOfWorkDep,
    reads: ReplicaReads,
) -> Context:
    return Context(principal, reads, resources(request), uow)


@router.post("/graphql", response_class=JSONResponse)
async def execute_graphql(
    body: GraphQLRequest, context: Annotated[Context, Depends(get_context)], request: Request
) -> Response:
    """Execute one GraphQL operation; problems are in the extensions of its errors."""
    schema: Schema = resources(request)[GraphQLResources].schema
    try:
        query = check_request(body, schema)
    except AppError as error:
        refused = GraphQLError(error.detail, original_error=error)
        return JSONResponse({"data": None, "errors": [error_of(refused, request.scope)]})
    await charge(request, context.principal, query.extra_requests)
    result = await schema.execute(
        body.query,
        variable_values=body.variables,
        context_value=context,
        operation_name=body.operationName,
    )
    response: dict[str, Any] = {"data": result.data}
    # A field that fails on every row would otherwise produce a response of megabytes.
    for failed in (result.errors or [])[:MAX_ERRORS]:
        if isinstance(failed.original_error, REPEATABLE):
            raise failed.original_error  # The route repeats the transaction.
        response.setdefault("errors", []).append(error_of(failed, request.scope))
    return JSONResponse(response)


def check_request(body: GraphQLRequest, schema: Schema) -> CheckedQuery:
    """Check the query and return it with its cost.

    Raises:
        InvalidQuery: it is invalid, selects no operation, or selects a subscription.
        QueryTooComplex: it exceeds a limit.
    """
    query = check_query(body.query, body.variables, connections=schema.connections)
    operation = selected_operation(query.document, body.operationName)
    if operation.operation is OperationType.SUBSCRIPTION:
        raise InvalidQuery("Subscriptions use the WebSocket at this URL.")
    return query
