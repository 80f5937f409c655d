"""Assertions about problems."""

from typing import Any

from httpx2 import Response

OAUTH_ENDPOINTS = tuple(f"/api/v1/auth/{name}" for name in ("token", "refresh", "revoke"))
OAUTH_MEMBERS = {"error", "error_description"}
MEMBERS = {"type", "title", "status", "detail", "instance", "code", "request_id"}


def assert_problem(response: Response, status: int, code: str) -> dict[str, Any]:
    """Return the body, after validating it against RFC 9457 and our own rules."""
    assert response.status_code == status, response.text
    assert response.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body.keys() - {"errors"} == members_of(response.request.url.path)
    assert body["code"] == code
    assert body["type"] == f"/problems/{code}"
    assert body["status"] == status
    assert body["instance"] == response.request.url.path
    assert body["request_id"] == response.headers["X-Request-ID"]
    return body


def members_of(path: str) -> set[str]:
    """The members that each problem of an endpoint has."""
    return MEMBERS | (OAUTH_MEMBERS if path in OAUTH_ENDPOINTS else set())


def broken(response: Response) -> dict[str, str]:
    """Return the code of each error, by its pointer."""
    body = assert_problem(response, 422, "validation_failed")
    return {error["pointer"]: error["code"] for error in body["errors"]}
