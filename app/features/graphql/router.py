"""`POST /graphql`: one operation in one transaction, committed before the response is sent."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from app.db.dependencies import ReplicaReads, UnitOfWorkDep
from app.features.graphql.lifespan import GraphQLResources
from app.features.graphql.request import GraphQLRequest
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources
from app.security.authentication import FieldReader

router = APIRouter(tags=["graphql"], route_class=UnitOfWorkRoute)


@router.post("/graphql", response_class=JSONResponse)
async def execute_graphql(
    body: GraphQLRequest,
    principal: FieldReader,
    uow: UnitOfWorkDep,
    reads: ReplicaReads,
    request: Request,
) -> Response:
    """Execute one GraphQL operation; problems are in the extensions of its errors."""
    executor = await resources(request)[GraphQLResources].executor()
    return JSONResponse(await executor.execute(request, body, principal, uow, reads))
