"""OAuth members of problems: what OAuth libraries read in an error (RFC 6749, section 5.2).

They apply by path, because a library has to understand every error of these endpoints: also
one of a middleware, before the route is known.
"""

import re

from starlette.types import Scope

from app.errors import (
    AppError,
    InvalidCredentials,
    InvalidRequest,
    InvalidToken,
    Unauthenticated,
)
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
# Registered for the authorization endpoint, and understood by libraries at any other, too.
BY_STATUS = {429: "temporarily_unavailable", 503: "temporarily_unavailable"}
SERVER_ERROR = 500
# RFC 6749 allows ASCII without quotes and backslashes.
UNSAFE = re.compile(r"[^ !#-\[\]-~]")
# RFC 9110 wants a challenge with every 401. A Bearer token is no answer to this one, and on
# Basic a browser would ask its user for a password, so the scheme is one of our own.
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
    """Headers of an error: the challenge of a 401, and Pragma (RFC 6749, section 5.2)."""
    headers = {"Pragma": "no-cache"}
    if error.status == Unauthenticated.status:
        headers["WWW-Authenticate"] = CHALLENGE.format(error_code(error))
    return headers


def media_type(scope: Scope) -> str:
    """Return `application/json`, as the RFC has it, where the client accepts that and no problems.

    Strict libraries refuse to read an error of another media type than they accept.
    """
    accepted = b",".join(value for name, value in scope["headers"] if name == b"accept").lower()
    is_strict = b"application/json" in accepted and not any(wide in accepted for wide in WIDER)
    return "application/json" if is_strict else MEDIA_TYPE


OAUTH_PROBLEMS = ProblemExtension(is_oauth, oauth_members, oauth_headers, media_type)
