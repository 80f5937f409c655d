"""Response schemas of GraphQL: what section 7 of its specification describes."""

from typing import Annotated, Any

from pydantic import Field

from app.http.schemas import Described

Name = Annotated[str, Field(max_length=20_000)]
Index = Annotated[int, Field(ge=0, le=2**31 - 1)]


class GraphQLLocation(Described):
    """A place in the document."""

    line: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Line, from 1."""
    column: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Column, from 1."""


class GraphQLResponseError(Described):
    """An error of the operation or of one field."""

    message: Annotated[str, Field(max_length=30_000)]
    """Description for developers."""
    locations: Annotated[list[GraphQLLocation], Field(max_length=1000)] = Field(default=[])
    """Where in the document it arose."""
    path: Annotated[list[Name | Index], Field(max_length=1000)] = Field(default=[])
    """Names and indexes that lead to the field."""
    extensions: dict[str, Any] = Field(default={})
    """The members of the problem, among them its `code`."""


class GraphQLResult(Described):
    """The result of one operation; without `data` it was not executed."""

    data: dict[str, Any] | None = None
    """The selected fields; null if one that is never null has failed."""
    errors: Annotated[list[GraphQLResponseError], Field(max_length=10_000)] = Field(default=[])
    """What has failed; absent if nothing has."""
    extensions: dict[str, Any] = Field(default={})
    """Extensions of the protocol."""
