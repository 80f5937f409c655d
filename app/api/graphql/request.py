"""What a client sends, by POST and over a WebSocket alike."""

from typing import Annotated, Any

from pydantic import Field

from app.schemas.base import OPAQUE, In

MAX_QUERY = 20_000


class GraphQLRequest(In):
    """One operation; a list of several is refused."""

    query: Annotated[
        str,
        Field(
            min_length=1,
            max_length=MAX_QUERY,
            examples=["{ items(first: 3) { edges { node { name price owner { username } } } } }"],
        ),
        OPAQUE,
    ]
    variables: dict[str, Any] | None = Field(default=None, max_length=100, examples=[{}])
    operationName: Annotated[str, Field(max_length=100), OPAQUE] | None = None  # noqa: N815  (the standard's)
    extensions: dict[str, Any] | None = Field(default=None, max_length=10, examples=[{}])
