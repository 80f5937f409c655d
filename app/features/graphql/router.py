"""`/graphql`: one operation by POST, in one transaction, or one query by GET."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.errors import MethodNotAllowed
from app.features.graphql.lifespan import GraphQLResources
from app.features.graphql.request import GraphQLQuery, GraphQLRequest
from app.features.graphql.response import graphql_response
from app.features.graphql.schemas import GraphQLResult
from app.http.problem_details import responses
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources_of
from app.security.authentication import FieldPrincipal

router = APIRouter(tags=["graphql"], route_class=UnitOfWorkRoute)


@router.post("/graphql", response_class=JSONResponse, response_model=GraphQLResult)
async def execute_graphql(
    body: GraphQLRequest,
    principal: FieldPrincipal,
    reads: ReplicaReads,
    uow: UnitOfWorkDep,
    request: Request,
) -> Response:
    """Execute one GraphQL operation; problems are in the extensions of its errors.

    A client that prefers `application/graphql-response+json` gets it, with 400 for an operation
    that was not executed.
    """
    executor = await resources_of(request)[GraphQLResources].executor()
    result = await executor.execute(request, body, principal, reads, uow)
    return graphql_response(request, result)


@router.get(
    "/graphql",
    response_class=JSONResponse,
    response_model=GraphQLResult,
    responses=responses(MethodNotAllowed),
)
async def query_graphql(
    principal: FieldPrincipal, query: GraphQLQuery, reads: ReplicaReads, request: Request
) -> Response:
    """Execute one GraphQL query; mutations need POST.

    A browser that asks for HTML gets GraphiQL in development.
    """
    executor = await resources_of(request)[GraphQLResources].executor()
    result = await executor.execute(request, query, principal, reads, None)
    return graphql_response(request, result)
