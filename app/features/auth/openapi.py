"""OpenAPI request bodies of the OAuth endpoints, whose forms FastAPI does not parse."""

from typing import Any

from app.config.known_secrets import DEMO_PASSWORD
from app.features.auth.oauth_form import MEDIA_TYPE

Node = dict[str, Any]

# Swagger UI fills in `string` where there is no example, and sends it.
EMPTY: Node = {"examples": [""]}
CLIENT_ID: Node = {
    **EMPTY,
    "type": "string",
    "maxLength": 200,
    "description": "Ignored: every client is a public one (RFC 6749, section 2.1).",
}
TOKEN_PARAMETERS: Node = {
    "grant_type": {
        "type": "string",
        "enum": ["password", "refresh_token"],
        "default": "password",
        "description": "`password` to sign in, `refresh_token` to exchange a refresh token.",
    },
    "username": {
        "type": "string",
        "maxLength": 320,
        "description": "E-mail address or username; for `password`.",
        "examples": ["user@example.com"],
    },
    "password": {
        "type": "string",
        "maxLength": 128,
        "format": "password",
        "description": "For `password`.",
        "examples": [DEMO_PASSWORD],
    },
    "refresh_token": {
        **EMPTY,
        "type": "string",
        "maxLength": 4096,
        "description": "For `refresh_token`.",
    },
    "scope": {
        "type": "string",
        "maxLength": 500,
        "description": "Separated by spaces. Default: all of the role, or all that were granted.",
        "examples": ["items:read items:write"],
    },
    "client_id": CLIENT_ID,
    "client_secret": {
        **EMPTY,
        "type": "string",
        "maxLength": 200,
        "description": "Rejected unless it is empty: there are no confidential clients.",
    },
}
TOKEN_EXAMPLE = "rt_0198f3c27d5e..."
REVOCATION_PARAMETERS: Node = {
    "token": {
        "type": "string",
        "maxLength": 4096,
        "description": "An access or a refresh token.",
        "examples": [TOKEN_EXAMPLE],
    },
    "token_type_hint": {
        "type": "string",
        "maxLength": 100,
        "description": "Ignored: the service recognizes its tokens.",
        "examples": ["refresh_token"],
    },
    "client_id": CLIENT_ID,
}


def form(properties: Node, example: Node, *, required: list[str]) -> Node:
    schema: Node = {"type": "object", "properties": properties}
    if required:
        schema["required"] = required
    content = {MEDIA_TYPE: {"schema": schema, "example": example}}
    return {"requestBody": {"required": True, "content": content}}


TOKEN_BODY = form(
    TOKEN_PARAMETERS,
    {"username": "user@example.com", "password": DEMO_PASSWORD},
    required=[],
)
REVOCATION_BODY = form(REVOCATION_PARAMETERS, {"token": TOKEN_EXAMPLE}, required=["token"])
