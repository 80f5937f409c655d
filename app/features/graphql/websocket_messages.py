"""Messages of clients of graphql-transport-ws: one JSON object in each text frame."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.features.graphql.request import GraphQLRequest
from app.http.schemas import OPAQUE, RequestModel

OperationId = Annotated[str, Field(min_length=1, max_length=100), OPAQUE]


class Init(RequestModel):
    type: Literal["connection_init"]
    payload: dict[str, Any] | None = None


class Ping(RequestModel):
    type: Literal["ping", "pong"]
    payload: dict[str, Any] | None = None


class Subscribe(RequestModel):
    type: Literal["subscribe"]
    id: OperationId
    payload: GraphQLRequest


class Complete(RequestModel):
    type: Literal["complete"]
    id: OperationId


Message = Init | Ping | Subscribe | Complete
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
