"""OAuth members of problem details, which OAuth libraries read (RFC 6749, section 5.2).

They are added by path, because a library must understand every error of these endpoints,
including those of a middleware, before the route is known.
"""

import json
import re
from typing import Any

from fastapi.responses import Response
from starlette.types import Scope

from app.errors import (
    AppError,
    InvalidRequest,
    InvalidToken,
    Unauthenticated,
)
from app.features.auth.errors import InvalidCredentials
from app.features.auth.oauth_errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from app.http.problem_details import MEDIA_TYPE
from app.http.problem_extensions import ProblemExtension

ENDPOINTS = ("/auth/token", "/auth/refresh", "/auth/revoke")
OWN = frozenset(
    kind.code
    for kind in (
        InvalidClient,
        InvalidGrant,
        InvalidRequest,
        InvalidScope,
        UnsupportedGrantType,
        UnsupportedTokenType,
    )
)
GRANT_FAILED = frozenset({InvalidCredentials.code, InvalidToken.code})
# Registered for the authorization endpoint; libraries understand them at other endpoints, too.
BY_STATUS = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}
SERVER_ERROR = 500
# RFC 6749 allows ASCII without quotes and backslashes.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
# RFC 9110 requires a challenge with every 401. A Bearer token cannot satisfy this one, and Basic
# would make a browser prompt for a password, so the scheme is our own.
CHALLENGE = 'OAuth2-Grant error="{}"'

# Media ranges that include problems.
WIDER = (b"application/problem+json", b"application/*", b"*/*")


def is_oauth(scope: Scope) -> bool:
    return str(scope["path"]).endswith(ENDPOINTS)


def oauth_members(error: AppError) -> dict[str, str]:
    return {"error": error_code(error), "error_description": UNSAFE.sub("'", error.detail)}


def error_code(error: AppError) -> str:
    if error.code in OWN:
        return error.code
    if error.code in GRANT_FAILED:
        return InvalidGrant.code
    fallback = "server_error" if error.status >= SERVER_ERROR else InvalidRequest.code
    return BY_STATUS.get(error.status, fallback)


def oauth_headers(error: AppError) -> dict[str, str]:
    """Return the headers of an error: the challenge of a 401, and Pragma (RFC 6749, 5.2)."""
    headers = {"Pragma": "no-cache"}
    if error.status == Unauthenticated.status:
        headers["WWW-Authenticate"] = CHALLENGE.format(error_code(error))
    return headers


def media_type(scope: Scope) -> str:
    """Return `application/json`, as in the RFC, if the client accepts it but not problem details.

    Strict libraries reject an error whose media type they do not accept.
    """
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    is_strict = b"application/json" in accepted and not any(wide in accepted for wide in WIDER)
    return "application/json" if is_strict else MEDIA_TYPE


def respond(scope: Scope, error: AppError, body: dict[str, Any]) -> Response:
    return Response(
        json.dumps({**body, **oauth_members(error)}),
        error.status,
        headers={**oauth_headers(error), **error.headers},
        media_type=media_type(scope),
    )


OAUTH_PROBLEMS = ProblemExtension(is_oauth, respond)
