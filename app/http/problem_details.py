"""Problem details (RFC 9457): exception handlers that convert errors into responses."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError, WebSocketRequestValidationError
from fastapi.requests import HTTPConnection
from fastapi.responses import Response
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from app.errors import (
    AppError,
    BadRequest,
    Conflict,
    ContentTooLarge,
    MethodNotAllowed,
    NotFound,
    NotPermitted,
    Unauthenticated,
    Unavailable,
    Unprocessable,
    UnsupportedMediaType,
    Violation,
)
from app.http.header_fields import media_type
from app.http.problem_extensions import ProblemExtension, ProblemExtensions
from app.http.problem_schema import Problem
from app.http.request_errors import HeadersTooLarge, RequestTimeout
from app.http.schemas import MAX_ERRORS
from app.observability import metrics

MEDIA_TYPE = "application/problem+json"
# Key under which a response lists the codes of its problems; the document does not have it.
CODES = "x-problems"
MAX_POINTER = 500
DECIMAL = re.compile(r"Decimal\('([^']*)'\)")

BY_STATUS: dict[int, type[AppError]] = {
    error.status: error
    for error in (
        BadRequest,
        Unauthenticated,
        NotPermitted,
        NotFound,
        MethodNotAllowed,
        Conflict,
        ContentTooLarge,
        UnsupportedMediaType,
        RequestTimeout,
        HeadersTooLarge,
        Unavailable,
    )
}

# Replace messages of Pydantic that repeat a part of the input or show a pattern: by the code of the
# error or, added by features, by their patterns.
MESSAGES = {
    **dict.fromkeys(("uuid_parsing", "uuid_type"), "Input should be a valid UUID"),
    **dict.fromkeys(("model_attributes_type", "model_type"), "Input should be a valid object"),
    "decimal_type": "Input should be a valid decimal",
    "string_pattern_mismatch": "Input has a character or a form that is not allowed here",
    "value_error": "Input is not valid",
    "json_invalid": "Input is not valid JSON",
}
ALL_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
# FastAPI responds with 400 to JSON that is not UTF-8, UTF-16 or UTF-32 (by its first bytes).
NOT_UNICODE = Violation("/body", "The body is not in UTF-8", "text_encoding")
# And to an integer that is longer than Python reads.
TOO_MANY_DIGITS = Violation("/body", "A number has too many digits", "int_parsing_size")
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


def responses(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for the errors that an endpoint may raise."""
    documented: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        entry = documented.setdefault(error.status, {"model": Problem, CODES: []})
        entry[CODES].append(error.code)
    return documented


def problem(scope: Scope, error: AppError) -> dict[str, Any]:
    """Return the body of the problem for an error (RFC 9457, section 3)."""
    body = {
        "type": f"{scope.get('root_path', '')}/problems/{error.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": scope["path"][:2000],
        "code": error.code,
        "request_id": scope.get("request_id", ""),
    }
    if isinstance(error, Unprocessable):
        body["errors"] = [
            {"pointer": violation.pointer, "message": violation.message, "code": violation.code}
            for violation in error.violations[:MAX_ERRORS]
        ]
    return body


def problem_response(scope: Scope, error: AppError) -> Response:
    metrics.PROBLEMS.labels(error.code).inc()
    body = problem(scope, error)
    if extension := extension_of(scope):
        return extension.respond(scope, error, body)
    headers = {**challenge(error), **error.headers}
    return Response(json.dumps(body), error.status, headers=headers, media_type=MEDIA_TYPE)


def extension_of(scope: Scope) -> ProblemExtension | None:
    extensions: ProblemExtensions = scope["app"].state.resources[ProblemExtensions]
    return extensions.find(scope)


def challenge(error: AppError) -> dict[str, str]:
    """Return WWW-Authenticate for a 401 or a missing scope (RFC 6750, section 3)."""
    if error.status == Unauthenticated.status:
        code = "" if error.code == Unauthenticated.code else ' error="invalid_token"'
        return {"WWW-Authenticate": f"Bearer{code}"}
    if error.code == "insufficient_scope":
        return {"WWW-Authenticate": 'Bearer error="insufficient_scope"'}
    return {}


def violations(errors: Iterable[Mapping[str, Any]]) -> list[Violation]:
    """Convert errors of Pydantic, without their input and without duplicates.

    A form that two dependencies read is validated, and reported, twice.
    """
    found = (
        Violation(pointer(error["loc"]), message(error)[:MAX_POINTER], error["type"])
        for error in islice(errors, 2 * MAX_ERRORS)
    )
    return list(dict.fromkeys(found))[:MAX_ERRORS]


def message(error: Mapping[str, Any]) -> str:
    """Return the message of a violation, without patterns and the names of types in Python."""
    key = error.get("ctx", {}).get("pattern", error["type"])
    text = MESSAGES.get(key, MESSAGES.get(error["type"])) or DECIMAL.sub(r"\1", error["msg"])
    return text.replace("Decimal input", "Input")


def pointer(location: Sequence[str | int]) -> str:
    """Return a JSON Pointer (RFC 6901) to the part of the request that is invalid."""
    parts = (str(part).replace("~", "~0").replace("/", "~1") for part in location)
    text = "".join(f"/{part}" for part in parts)[:MAX_POINTER]
    # The names of unknown fields come from the client and may contain lone surrogates.
    return text.encode(errors="replace").decode()


async def handle_app_error(connection: HTTPConnection, error: AppError) -> Response:
    return problem_response(connection.scope, error)


async def handle_invalid_handshake(
    websocket: WebSocket, error: WebSocketRequestValidationError
) -> Response:
    invalid = Unprocessable(violations=violations(error.errors()))
    return problem_response(websocket.scope, invalid)


async def handle_invalid_request(request: Request, error: RequestValidationError) -> Response:
    accepted = accepted_media_types(request, error.body)
    if accepted:
        return problem_response(request.scope, UnsupportedMediaType(headers={"Accept": accepted}))
    details = error.errors()
    if any(detail["type"] == "json_invalid" for detail in details):
        details = [{**detail, "loc": ("body",)} for detail in details]
    return problem_response(request.scope, Unprocessable(violations=violations(details)))


def accepted_media_types(request: Request, body: Any) -> str | None:
    """Return Accept for a 415 (RFC 9110, section 15.5.16), None if the body was parsed."""
    sent = media_type(request.headers.get("content-type"))
    if isinstance(body, bytes):
        return "application/json"
    if isinstance(body, FormData) and sent and sent not in FORMS:
        return ", ".join(FORMS)
    return None


async def handle_http_exception(connection: HTTPConnection, error: HTTPException) -> Response:
    if error.status_code == MethodNotAllowed.status and isinstance(connection, Request):
        return method_not_allowed_response(connection)
    if isinstance(error.__cause__, ValueError):
        is_text = isinstance(error.__cause__, UnicodeDecodeError)
        broken = NOT_UNICODE if is_text else TOO_MANY_DIGITS
        return problem_response(connection.scope, Unprocessable(violations=[broken]))
    kind = BY_STATUS.get(error.status_code, BadRequest)
    return problem_response(connection.scope, kind(headers=error.headers))


async def reject_unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["path"] == "*":  # OPTIONS * applies to the whole server (RFC 9110, section 9.3.7).
        await Response(status_code=204, headers={"Allow": ALL_METHODS})(scope, receive, send)
        return
    raise HTTPException(NotFound.status)


def method_not_allowed_response(request: Request) -> Response:
    """Return 405 with the methods of the path (RFC 9110, section 15.5.6), 204 for OPTIONS."""
    allow = {"Allow": ", ".join(sorted(allowed_methods(request)))}
    if request.method == "OPTIONS":
        return Response(status_code=204, headers=allow)
    return problem_response(request.scope, MethodNotAllowed(headers=allow))


def allowed_methods(request: Request) -> set[str]:
    methods = {"OPTIONS"}
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        scope = {**request.scope, "method": method}
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes):
            methods.add(method)
    return methods | {"HEAD"} if "GET" in methods else methods


def register_error_handlers(app: FastAPI) -> None:
    # Starlette would close a WebSocket on an unknown path without a problem.
    app.router.default = reject_unknown_path
    app.exception_handler(AppError)(handle_app_error)
    app.exception_handler(RequestValidationError)(handle_invalid_request)
    app.exception_handler(WebSocketRequestValidationError)(handle_invalid_handshake)
    app.exception_handler(HTTPException)(handle_http_exception)
