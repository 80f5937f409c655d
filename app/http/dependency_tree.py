"""Dependency tree of a route, as FastAPI declares it."""

from collections.abc import Iterator

from fastapi.dependencies.models import Dependant
from fastapi.security import SecurityScopes

from app.security.authentication import Authentication

Guard = tuple[Authentication, SecurityScopes]


def dependency_tree(dependant: Dependant) -> Iterator[Dependant]:
    """Yield the endpoint and all of its dependencies."""
    yield dependant
    for each in dependant.dependencies:
        yield from dependency_tree(each)


def guards_of(dependant: Dependant) -> Iterator[Guard]:
    """Yield the authentication dependencies of an endpoint, each with the scopes it requires."""
    for each in dependency_tree(dependant):
        if isinstance(each.call, Authentication):
            required = (each.parent_oauth_scopes or []) + (each.own_oauth_scopes or [])
            yield each.call, SecurityScopes(required)
