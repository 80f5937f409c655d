"""Compiled dependency graphs: the dependencies of a route, resolved once. See ADR 0020.

FastAPI inspects every parameter of every dependency for each request, including those that were
not sent. A graph holds the result of that inspection; FastAPI handles what it does not support.
"""

from collections.abc import Awaitable, Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi._compat import ModelField, field_annotation_is_sequence
from fastapi.dependencies.models import (
    Dependant,
    _get_cache_key,
    _get_oauth_scopes,
    _is_async_gen_callable,
    _is_coroutine_callable,
)
from fastapi.dependencies.utils import _get_param_aliases, _get_param_model, _is_json_field
from fastapi.params import Form
from fastapi.routing import APIRoute
from fastapi.security import SecurityScopes
from pydantic_core import PydanticUndefined

JSON = "application/json"
# Sources of values by kind of parameter, in the order of FastAPI.
SOURCES: dict[str, Callable[[Request], Mapping[str, Any]]] = {
    "path": lambda request: request.path_params,
    "query": lambda request: request.query_params,
    "header": lambda request: request.headers,
    "cookie": lambda request: request.cookies,
}
REPEATABLE = frozenset({"query", "header"})

Values = dict[str, Any]
Call = Callable[..., Awaitable[Any]]


class Unsupported(Exception):
    """A graph or a request that FastAPI has to handle; raised before any dependency is called."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    alias: str
    source: Callable[[Request], Mapping[str, Any]]
    field: ModelField
    is_list: bool
    default: Any  # `PydanticUndefined` if one must be sent.

    def read(self, request: Request) -> Any:
        """Return the validated value, or the default.

        Raises:
            Unsupported: the value is missing or not valid.
        """
        sent: Any = self.source(request)
        if self.alias in sent:
            value = sent.getlist(self.alias) if self.is_list else sent[self.alias]
            return validate(self.field, value)
        if self.default is PydanticUndefined:
            raise Unsupported
        return self.default


@dataclass(frozen=True, slots=True)
class CompiledCall:
    """One call. `needs` maps arguments to results of earlier calls, `constants` never change."""

    call: Call
    parameters: tuple[Parameter, ...]
    needs: tuple[tuple[str, int], ...]
    constants: Values
    request_names: tuple[str, ...]
    response_name: str | None

    def read(self, request: Request, response: Response | None) -> Values:
        arguments = dict(self.constants)
        for parameter in self.parameters:
            arguments[parameter.name] = parameter.read(request)
        for name in self.request_names:
            arguments[name] = request
        if self.response_name:
            arguments[self.response_name] = response
        return arguments


class DependencyGraph:
    """The calls of a route in the order of FastAPI, the endpoint last."""

    def __init__(self, route: APIRoute) -> None:
        """Compile the calls.

        Raises:
            Unsupported: a call is a generator or not asynchronous, or has a parameter of an
                unsupported kind.
        """
        self._calls: list[CompiledCall] = []
        self._indexes: dict[Any, int] = {}
        self._body = body_of(route)
        self._add(route.dependant)
        self._has_response = any(call.response_name for call in self._calls)

    async def arguments(self, request: Request) -> list[Values]:
        """Return the arguments of each call, without the results of other calls.

        Raises:
            Unsupported: a value is missing or not valid.
        """
        response = empty_response() if self._has_response else None
        arguments = [call.read(request, response) for call in self._calls]
        if self._body:
            arguments[-1][self._body.name] = validate(self._body, await parse_json(request))
        return arguments

    async def run(self, arguments: list[Values]) -> Any:
        """Make the calls and return the result of the endpoint."""
        results: list[Any] = []
        for compiled, given in zip(self._calls, arguments, strict=True):
            for name, index in compiled.needs:
                given[name] = results[index]
            results.append(await compiled.call(**given))
        return results[-1]

    def _add(self, dependant: Dependant) -> int:
        key = _get_cache_key(dependant=dependant)
        if dependant.use_cache and key in self._indexes:
            return self._indexes[key]
        if any(each.body_params for each in dependant.dependencies):
            raise Unsupported
        needs = [(each.name, self._add(each)) for each in dependant.dependencies]
        self._calls.append(compile_call(dependant, needs))
        self._indexes.setdefault(key, len(self._calls) - 1)
        return len(self._calls) - 1


def compile_call(dependant: Dependant, needs: list[tuple[str | None, int]]) -> CompiledCall:
    call = dependant.call
    if call is None or not _is_coroutine_callable(call) or has_unsupported_features(dependant):
        raise Unsupported
    requests = (dependant.http_connection_param_name, dependant.request_param_name)
    return CompiledCall(
        call,
        tuple(parameters_of(dependant)),
        tuple((name, index) for name, index in needs if name),
        scopes_of(dependant),
        tuple(name for name in requests if name),
        dependant.response_param_name,
    )


def has_unsupported_features(dependant: Dependant) -> bool:
    return bool(
        _is_async_gen_callable(dependant.call)
        or dependant.concurrency
        or dependant.background_tasks_param_name
    )


def scopes_of(dependant: Dependant) -> Values:
    name = dependant.security_scopes_param_name
    return {name: SecurityScopes(_get_oauth_scopes(dependant=dependant))} if name else {}


def parameters_of(dependant: Dependant) -> list[Parameter]:
    return [
        parameter_of(field, kind)
        for kind in SOURCES
        for field in getattr(dependant, f"{kind}_params")
    ]


def parameter_of(field: ModelField, kind: str) -> Parameter:
    info = field.field_info
    (_, alias), *others = _get_param_aliases(field)
    if others or _get_param_model(field) or _is_json_field(field) or info.validate_default:
        raise Unsupported
    # FastAPI copies such a default for each request.
    if deepcopy(default := field.default) is not default:
        raise Unsupported
    is_list = kind in REPEATABLE and field_annotation_is_sequence(info.annotation)
    return Parameter(field.name, alias, SOURCES[kind], field, is_list, default)


def body_of(route: APIRoute) -> ModelField | None:
    """Return the parameter that is the complete JSON body, None if the endpoint has no body.

    Raises:
        Unsupported: the body is a form or has several parts.
    """
    if route.body_field is None:
        return None
    fields: list[ModelField] = route.dependant.body_params
    is_part = len(fields) != 1 or route._embed_body_fields  # noqa: SLF001  (FastAPI's own)
    if is_part or isinstance(fields[0].field_info, Form):
        raise Unsupported
    return fields[0]


async def parse_json(request: Request) -> Any:
    if request.headers.get("content-type") != JSON or not await request.body():
        raise Unsupported
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise Unsupported from None


def validate(field: ModelField, value: Any) -> Any:
    found, errors = field.validate(value)
    if errors:
        raise Unsupported
    return found


def empty_response() -> Response:
    """Return the response on which dependencies set headers and cookies, as FastAPI creates it."""
    response = Response()
    del response.headers["content-length"]
    return response
