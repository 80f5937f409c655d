"""Auth extension: the page for developers of clients, in a module `auth.py` of its feature."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServiceDocumentation:
    route: str
