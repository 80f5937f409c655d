"""GraphQL extension: the types that a feature adds to the schema, in its module `graphql.py`."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GraphQLTypes:
    """Strawberry types whose fields become fields of the root types.

    A field of `query` or `mutation` may be null, although it never is without an error: otherwise
    one that fails would remove the others from the answer.
    """

    query: type | None = None
    mutation: type | None = None
    subscription: type | None = None
