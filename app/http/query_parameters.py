"""Query parameters: a route accepts those it declares, in UTF-8, each once unless it is a list.

Derived from the parameters that the dependency graph declares, and checked
before any dependency is called, so that the rules hold for every kind of route. If the route
requires authentication, the error is raised after that: an anonymous client gets a 401, and the
request of an authenticated client counts in the rate limit.
"""

import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin
from urllib.parse import unquote_to_bytes

from fastapi import Depends, WebSocket
from fastapi.dependencies.models import Dependant
from starlette.types import Scope

from app.errors import Unprocessable, Violation
from app.http.dependency_tree import dependency_tree, guards_of
from app.http.problem_details import pointer
from app.http.request_errors import TooManyParameters

# More than three times as many as any list accepts, repetitions of `tag` included.
MAX_PARAMETERS = 100
MAX_REPORTED = 20
# For numbers, UUIDs and the like, which may have any number of leading zeros. `Link` repeats
# the value; texts declare a maximum length.
MAX_VALUE_BYTES = 300
UNKNOWN = ("There is no such query parameter", "unknown_parameter")
# Starlette would decode such text with replacement characters.
NOT_UTF_8 = ("The text is not in UTF-8", "text_encoding")
# Pydantic would also accept underscores, a sign, white space and a decimal point.
INTEGER = re.compile(rb"-?[0-9]+")
NOT_AN_INTEGER = ("Input should be a valid integer", "int_parsing")
REPEATED = ("The parameter may be sent once", "repeated_parameter")
TOO_LONG = (f"The value may have {MAX_VALUE_BYTES} bytes", "too_long")


class IgnoredParameters:
    """A dependency that declares parameters which the service accepts and does not read."""

    def __init__(self, *names: str) -> None:
        self.query_parameters = frozenset(names)

    async def __call__(self) -> None:
        """Ignore the parameters."""


class QueryParameters:
    """The query parameters that one route declares."""

    def __init__(self, dependant: Dependant) -> None:
        declared = {name.encode(): field for name, field in declared_by(dependant)}
        fields = {name: field for name, field in declared.items() if field is not None}
        self._names = declared.keys()
        self._lists = {name for name, field in fields.items() if has(field.annotation, list)}
        self._integers = {name for name, field in fields.items() if has(field.annotation, int)}
        self._unbounded = {name for name, field in fields.items() if not has_max_length(field)}
        self._is_authenticated = any(guards_of(dependant))

    def check(self, scope: Scope) -> None:
        """Check the query of a request or a handshake.

        Raises:
            TooManyParameters: there are more than MAX_PARAMETERS.
            Unprocessable: a parameter is not declared, repeated, too long or not in UTF-8. If
                the route requires authentication, that dependency raises it later.
        """
        if scope["query_string"].count(b"&") >= MAX_PARAMETERS:
            raise TooManyParameters(f"A request may have {MAX_PARAMETERS} query parameters.")
        found = self.violations(scope["query_string"])
        if found and self._is_authenticated:
            scope["state"]["query_error"] = Unprocessable(violations=found)
        elif found:
            raise Unprocessable(violations=found)

    def violations(self, query: bytes) -> list[Violation]:
        """Return the violations in a raw query string, split as `urllib.parse.parse_qsl` does."""
        seen: set[bytes] = set()
        found: dict[Violation, None] = {}
        for pair in filter(None, query.split(b"&")):
            raw, _, value = pair.partition(b"=")
            name = raw if raw in self._names else unquote_to_bytes(raw.replace(b"+", b" "))
            if rule := self._broken_rule(name, value, seen):
                found[violation(name, *rule)] = None
            if len(found) == MAX_REPORTED:
                break
            seen.add(name)
        return list(found)

    def _broken_rule(self, name: bytes, value: bytes, seen: set[bytes]) -> tuple[str, str] | None:
        plain = unquote_to_bytes(value)
        if not (is_utf_8(name) and is_utf_8(plain)):
            return NOT_UTF_8
        if name not in self._names:
            return UNKNOWN
        if name in seen and name not in self._lists:
            return REPEATED
        if name in self._integers and not INTEGER.fullmatch(plain):
            return NOT_AN_INTEGER
        return TOO_LONG if name in self._unbounded and len(value) > MAX_VALUE_BYTES else None


def declared_by(dependant: Dependant) -> Iterator[tuple[str, Any]]:
    """Yield names with FastAPI's `Query`, or None if a dependency reads the query itself."""
    for each in dependency_tree(dependant):
        for field in each.query_params:
            yield field.alias, field.field_info
        for name in getattr(each.call, "query_parameters", ()):
            yield name, None


def has(annotation: Any, kind: type) -> bool:
    """Return whether values of the type, or of one of its alternatives, are of this kind."""
    kinds = (annotation, get_origin(annotation))
    return kind in kinds or any(has(each, kind) for each in get_args(annotation))


def has_max_length(declared: Any) -> bool:
    """Return whether a field, or one of its alternatives, declares a maximum length."""
    kinds = get_args(declared) + get_args(getattr(declared, "annotation", None))
    rules = (*getattr(declared, "metadata", ()), *kinds)
    return getattr(declared, "max_length", None) is not None or any(map(has_max_length, rules))


def is_utf_8(text: bytes) -> bool:
    return text.decode(errors="ignore").encode() == text


def violation(name: bytes, message: str, code: str) -> Violation:
    location = ("query", name.decode()) if is_utf_8(name) else ("query",)
    return Violation(pointer(location), message, code)


async def require_known_parameters(websocket: WebSocket) -> None:
    """Check the query of a handshake; `ServiceRoute` handles HTTP requests only.

    Raises:
        Unprocessable: as `QueryParameters.check`.
    """
    if websocket.scope["query_string"]:
        QueryParameters(websocket.scope["route"].dependant).check(websocket.scope)


KnownParameters = Depends(require_known_parameters)
