"""Compiled dependency graphs: the dependencies of a route, resolved once. See ADR 0020.

FastAPI inspects every parameter of every dependency while it answers, those that were not
sent included. A plan holds the result of that; whatever is unusual is left to FastAPI.
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
from fastapi.security import SecurityScopes
from pydantic_core import PydanticUndefined

JSON = "application/json"
# Where the values of a kind of parameter are; as FastAPI names and orders the kinds.
SOURCES: dict[str, Callable[[Request], Mapping[str, Any]]] = {
    "path": lambda request: request.path_params,
    "query": lambda request: request.query_params,
    "header": lambda request: request.headers,
    "cookie": lambda request: request.cookies,
}
REPEATABLE = frozenset({"query", "header"})

# Of FastAPI, whose effective routes have a private type: see app/fastpath/route_table.py.
Route = Any
Values = dict[str, Any]
Call = Callable[..., Awaitable[Any]]


class Unusual(Exception):
    """A tree or a request that FastAPI has to see to itself; raised before anything is called."""


@dataclass(frozen=True, slots=True)
class Parameter:
    name: str
    alias: str
    source: Callable[[Request], Mapping[str, Any]]
    field: ModelField
    is_list: bool
    default: Any  # `PydanticUndefined` if one must be sent.

    def read(self, request: Request) -> Any:
        """The value that was sent, valid, or the default.

        Raises:
            Unusual: it is missing or not valid.
        """
        sent: Any = self.source(request)
        if self.alias in sent:
            value = sent.getlist(self.alias) if self.is_list else sent[self.alias]
            return valid(self.field, value)
        if self.default is PydanticUndefined:
            raise Unusual
        return self.default


@dataclass(frozen=True, slots=True)
class Step:
    """One call. `needs` are the steps whose results it takes, `given` what is always the same."""

    call: Call
    parameters: tuple[Parameter, ...]
    needs: tuple[tuple[str, int], ...]
    given: Values
    request_names: tuple[str, ...]
    response_name: str | None

    def read(self, request: Request, response: Response | None) -> Values:
        arguments = dict(self.given)
        for parameter in self.parameters:
            arguments[parameter.name] = parameter.read(request)
        for name in self.request_names:
            arguments[name] = request
        if self.response_name:
            arguments[self.response_name] = response
        return arguments


class Plan:
    """The calls of a route in the order in which FastAPI makes them, the endpoint last."""

    def __init__(self, route: Route) -> None:
        """Work out the calls.

        Raises:
            Unusual: one is a generator or not asynchronous, or asks for what is not planned.
        """
        self._steps: list[Step] = []
        self._places: dict[Any, int] = {}
        self._body = body_of(route)
        self._add(route.dependant)
        self._has_response = any(step.response_name for step in self._steps)

    async def arguments(self, request: Request) -> list[Values]:
        """What each call is given besides the results of others.

        Raises:
            Unusual: a value is missing or not valid.
        """
        response = empty_response() if self._has_response else None
        arguments = [step.read(request, response) for step in self._steps]
        if self._body:
            arguments[-1][self._body.name] = valid(self._body, await sent_json(request))
        return arguments

    async def run(self, arguments: list[Values]) -> Any:
        """What the endpoint returns."""
        results: list[Any] = []
        for step, given in zip(self._steps, arguments, strict=True):
            for name, place in step.needs:
                given[name] = results[place]
            results.append(await step.call(**given))
        return results[-1]

    def _add(self, dependant: Dependant) -> int:
        key = _get_cache_key(dependant=dependant)
        if dependant.use_cache and key in self._places:
            return self._places[key]
        if any(each.body_params for each in dependant.dependencies):
            raise Unusual
        needs = [(each.name, self._add(each)) for each in dependant.dependencies]
        self._steps.append(step_of(dependant, needs))
        self._places.setdefault(key, len(self._steps) - 1)
        return len(self._steps) - 1


def step_of(dependant: Dependant, needs: list[tuple[str | None, int]]) -> Step:
    call = dependant.call
    if call is None or not _is_coroutine_callable(call) or is_special(dependant):
        raise Unusual
    requests = (dependant.http_connection_param_name, dependant.request_param_name)
    return Step(
        call,
        tuple(parameters_of(dependant)),
        tuple((name, place) for name, place in needs if name),
        scopes_of(dependant),
        tuple(name for name in requests if name),
        dependant.response_param_name,
    )


def is_special(dependant: Dependant) -> bool:
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
        raise Unusual
    # What a copy is made of is different for each request.
    if deepcopy(default := field.default) is not default:
        raise Unusual
    is_list = kind in REPEATABLE and field_annotation_is_sequence(info.annotation)
    return Parameter(field.name, alias, SOURCES[kind], field, is_list, default)


def body_of(route: Route) -> ModelField | None:
    """The one body, if the endpoint asks for it and it is JSON as a whole."""
    if route.body_field is None:
        return None
    fields: list[ModelField] = route.dependant.body_params
    is_part = len(fields) != 1 or route._embed_body_fields  # noqa: SLF001  (FastAPI's own)
    if is_part or isinstance(fields[0].field_info, Form):
        raise Unusual
    return fields[0]


async def sent_json(request: Request) -> Any:
    if request.headers.get("content-type") != JSON or not await request.body():
        raise Unusual
    try:
        return await request.json()
    except (ValueError, RecursionError):
        raise Unusual from None


def valid(field: ModelField, value: Any) -> Any:
    found, errors = field.validate(value)
    if errors:
        raise Unusual
    return found


def empty_response() -> Response:
    """For what dependencies set on it, as FastAPI makes it."""
    response = Response()
    del response.headers["content-length"]
    return response
