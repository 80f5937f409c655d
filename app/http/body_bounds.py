"""Bounds of request bodies, checked before a body is read or parsed.

Applied by `app/http/routes.py`, whether FastAPI or a shortcut handles the request.
"""

from dataclasses import dataclass

from fastapi.params import Form
from fastapi.requests import HTTPConnection
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from app.config.settings import Settings
from app.errors import UnsupportedMediaType
from app.http.dependency_tree import guards_of
from app.http.header_fields import field_value, list_members, media_type
from app.http.json_bounds import check_structure
from app.http.request_errors import UnsupportedContentCoding
from app.security.authentication import Authentication

PATCH_FORMATS = "application/json, application/merge-patch+json"  # Here they mean the same.
MAX_FRAME_BYTES = 64 * 1024  # Of a WebSocket; `app/commands/serve.py` passes it to the server.


@dataclass(frozen=True, slots=True)
class BodyRule:
    """Requirements of a route on the bodies of its requests."""

    authentication: Authentication | None
    has_body: bool
    is_json: bool


def body_rule(route: APIRoute) -> BodyRule:
    """Derive the requirements from the declaration of a route."""
    field = route.body_field
    is_json = field is not None and not isinstance(field.field_info, Form)
    # A dependency reads uploads, whose request body is declared in `openapi_extra`.
    has_body = field is not None or "requestBody" in (route.openapi_extra or {})
    authentication = next((guard for guard, _ in guards_of(route.dependant)), None)
    return BodyRule(authentication, has_body, is_json)


async def bounded_body(rule: BodyRule, scope: Scope, receive: Receive) -> Receive:
    """Check the body and return the `receive` callable for the route.

    The limit of anonymous clients is low (`BodyLimitMiddleware`). Authentication raises it
    before the first byte of the body is read.

    Raises:
        Unauthenticated: the route requires a caller, and the client is anonymous.
        UnsupportedContentCoding: the body is compressed.
        UnsupportedMediaType: it is a PATCH of another format.
        TooManyValues, NestedTooDeeply: the JSON body exceeds a bound.
    """
    settings = scope["app"].state.resources[Settings]
    if rule.authentication:
        if rule.authentication not in scope["app"].dependency_overrides:
            await rule.authentication.identify(HTTPConnection(scope))
        scope["max_body_bytes"] = settings.max_body_bytes
    if rule.has_body:
        reject_content_coding(scope)
    if not rule.is_json:
        return receive
    body = await Request(scope, receive).body()
    if scope["method"] == "PATCH" and body:
        reject_patch_format(scope)
    check_structure(body, max_values=settings.max_json_values)
    return replay_body(body, receive)


def reject_content_coding(scope: Scope) -> None:
    """Check that the request body has no content coding.

    Raises:
        UnsupportedContentCoding: it has one.
    """
    codings = list_members(field_value(scope["headers"], b"content-encoding"))
    if any(coding.lower() != "identity" for coding in codings):
        raise UnsupportedContentCoding("The service reads bodies without a Content-Encoding.")


def reject_patch_format(scope: Scope) -> None:
    """Check the media type of a PATCH: each names a format of changes of its own.

    A JSON Patch, for example, is `application/json-patch+json`.

    Raises:
        UnsupportedMediaType: it is neither JSON nor a merge patch (RFC 5789, section 2.2).
    """
    if media_type(field_value(scope["headers"], b"content-type")) not in PATCH_FORMATS.split(", "):
        raise UnsupportedMediaType(headers={"Accept": PATCH_FORMATS, "Accept-Patch": PATCH_FORMATS})


def replay_body(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return pending.pop() if pending else await receive()

    return receive_again
