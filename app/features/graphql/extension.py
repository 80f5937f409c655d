"""GraphQL extension: the types that a feature adds to the schema, in its module `graphql.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GraphQLTypes:
    """Strawberry types whose fields become fields of the root types.

    Fields of `query` and `mutation` are nullable, although they are null only after an error:
    otherwise a field that fails would remove the others from the response.
    """

    query: type | None = None
    mutation: type | None = None
    subscription: type | None = None
