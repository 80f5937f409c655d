"""Domain errors of the application, independent of the HTTP framework.

AppError
├── BadRequest 400           ├── Conflict 409            ├── TooManyRequests 429
├── Unauthenticated 401      ├── PreconditionFailed 412  ├── Unavailable 503
├── NotPermitted 403         ├── ContentTooLarge 413     └── UpstreamTimeout 504
├── NotFound 404             └── Unprocessable 422
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar

T = TypeVar("T")


class AppError(Exception):
    """Base of every expected failure.

    `status` is the HTTP status of the response, `code` the stable name that clients
    switch on (never renamed after a release), `title` the same for every occurrence
    (RFC 9457, section 3.1.3) and `remedy` the advice on the page of the problem type.
    """

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Internal error"
    remedy: ClassVar[str] = "Try again later; quote the request id when you report it."

    def __init__(
        self, detail: str | None = None, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.detail = detail or f"{self.title}."
        self.headers = dict(headers or {})
        super().__init__(self.detail)


class BadRequest(AppError):
    status = 400
    code = "bad_request"
    title = "Bad request"
    remedy = "The request is not well-formed HTTP or JSON; correct it before you retry."


class InvalidRequest(BadRequest):
    """A credential or a parameter of OAuth is missing, malformed or repeated (RFC 6750, 3.1)."""

    code = "invalid_request"
    title = "Invalid request"
    remedy = (
        "Send exactly one credential, and each parameter of an OAuth request once, as "
        "application/x-www-form-urlencoded in UTF-8."
    )


class Unauthenticated(AppError):
    """The client is anonymous, or its credentials are not valid."""

    status = 401
    code = "unauthenticated"
    title = "Not signed in"
    remedy = "Get an access token from POST /api/v1/auth/token and send it as a Bearer token."


class InvalidToken(Unauthenticated):
    """RFC 6750, section 3.1: expired, revoked, malformed or otherwise invalid."""

    code = "invalid_token"
    title = "Invalid token"
    remedy = "Refresh the access token, or sign in again."


class NotPermitted(AppError):
    """The caller is authenticated and may read the resource, but not perform the operation."""

    status = 403
    code = "not_permitted"
    title = "Not permitted"
    remedy = "Ask an administrator, or act on what you own."


class InsufficientScope(NotPermitted):
    """RFC 6750, section 3.1."""

    code = "insufficient_scope"
    title = "Insufficient scope"
    remedy = "Ask for the missing scope when you sign in; your role must carry it, too."


class EmailNotVerified(NotPermitted):
    """The caller has the permission, but only after the e-mail address is confirmed."""

    code = "email_not_verified"
    title = "E-mail address not confirmed"
    remedy = "Open the link in your mail, or have POST /api/v1/auth/verify-email/request send one."


class SessionRequired(NotPermitted):
    """An API key was used for an operation of signed-in users, such as managing credentials."""

    code = "session_required"
    title = "Session required"
    remedy = "Sign in, and send the access token instead of the API key."


class NotFound(AppError):
    """The resource does not exist, or the caller may not know that it does."""

    status = 404
    code = "not_found"
    title = "Not found"
    remedy = "Check the address; what you may not see is not found either."

    @classmethod
    def of(cls, thing: str) -> Self:
        """Return the error for a resource; `thing` is its name in the singular, for the client."""
        return cls(f"There is no such {thing}.")


def found(row: T | None, thing: str) -> T:
    """Return the row.

    Raises:
        NotFound: the row is None.
    """
    if row is None:
        raise NotFound.of(thing)
    return row


class MethodNotAllowed(AppError):
    status = 405
    code = "method_not_allowed"
    title = "Method not allowed"
    remedy = "Use one of the methods that the Allow header names."


class Conflict(AppError):
    """The request is valid but contradicts the current state."""

    status = 409
    code = "conflict"
    title = "Conflict"
    remedy = "Read the resource again, then decide whether to repeat the request."


class PreconditionFailed(AppError):
    """RFC 9110, section 13.1.1."""

    status = 412
    code = "precondition_failed"
    title = "Precondition failed"
    remedy = "The resource changed since you read it: read it again and repeat the change."


class ContentTooLarge(AppError):
    status = 413
    code = "content_too_large"
    title = "Content too large"
    remedy = "Send less at once, for example in several batches."


class UnsupportedMediaType(AppError):
    status = 415
    code = "unsupported_media_type"
    title = "Unsupported media type"
    remedy = "Send the body with the Content-Type that the documentation names."


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation: `pointer` is a JSON Pointer (RFC 6901) below /body, /query ..."""

    pointer: str
    message: str
    code: str


class Unprocessable(AppError):
    """The input is well-formed and not valid; `violations` lists all reasons."""

    status = 422
    code = "validation_failed"
    title = "Validation failed"
    remedy = "Correct the fields that the errors point at."

    def __init__(self, detail: str | None = None, *, violations: Sequence[Violation] = ()) -> None:
        super().__init__(detail)
        self.violations = list(violations)


class PreconditionRequired(AppError):
    """RFC 6585, section 3."""

    status = 428
    code = "precondition_required"
    title = "Precondition required"
    remedy = "Send If-Match with the ETag that you read."


class TooManyRequests(AppError):
    status = 429
    code = "rate_limited"
    title = "Too many requests"
    remedy = "Wait for the time in Retry-After."

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class Unavailable(AppError):
    """A dependency is temporarily unavailable; the request had no effect."""

    status = 503
    code = "unavailable"
    title = "Temporarily unavailable"
    remedy = "Repeat the request after the time in Retry-After."

    def __init__(self, detail: str | None = None, *, retry_after_seconds: int = 1) -> None:
        super().__init__(detail, headers={"Retry-After": str(retry_after_seconds)})


class Overloaded(Unavailable):
    code = "overloaded"
    title = "Service overloaded"
    remedy = "The request was not executed. Repeat it after the time in Retry-After."


class DeadlineExceeded(AppError):
    """A dependency did not respond in time."""

    status = 504
    code = "deadline_exceeded"
    title = "Deadline exceeded"
    remedy = "Repeat the request; writes with the same Idempotency-Key are safe to repeat."
