"""Messages of clients of graphql-transport-ws: one JSON object in each text frame."""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from app.features.graphql.request import GraphQLRequest
from app.http.schemas import OPAQUE, In

OperationId = Annotated[str, Field(min_length=1, max_length=100), OPAQUE]


class Init(In):
    type: Literal["connection_init"]
    payload: dict[str, Any] | None = None


class Ping(In):
    type: Literal["ping", "pong"]
    payload: dict[str, Any] | None = None


class Subscribe(In):
    type: Literal["subscribe"]
    id: OperationId
    payload: GraphQLRequest


class Complete(In):
    type: Literal["complete"]
    id: OperationId


Message = Init | Ping | Subscribe | Complete
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
