"""Resources: objects that live as long as the process, one instance per class.

The lifespan of the kernel and those of the features add their resources, mostly frozen
dataclasses; endpoints, jobs and loops look them up by class, so that every use has a type:

    resources_of(request)[DatabaseResources].reads
"""

from typing import TypeVar, cast

from starlette.requests import HTTPConnection

T = TypeVar("T")


class Resources:
    """A registry by class."""

    def __init__(self) -> None:
        self._instances: dict[type, object] = {}

    def add(self, instance: object) -> None:
        """Register an instance under its class; an earlier one of the class is replaced."""
        self._instances[type(instance)] = instance

    def __getitem__(self, kind: type[T]) -> T:
        """Return the instance of the class.

        Raises:
            KeyError: there is none, because its lifespan has not begun or its feature is disabled.
        """
        return cast("T", self._instances[kind])

    def find(self, kind: type[T]) -> T | None:
        """Return the instance of the class, or None if there is none."""
        return cast("T | None", self._instances.get(kind))


def resources_of(connection: HTTPConnection) -> Resources:
    """Return the resources of the application that serves the connection."""
    return cast("Resources", connection.app.state.resources)
