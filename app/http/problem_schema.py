"""Schema of application/problem+json (RFC 9457)."""

from typing import Annotated

from pydantic import Field

from app.http.schemas import MAX_ERRORS, ResponseModel


def is_absent(value: object) -> bool:
    return value is None


class ProblemError(ResponseModel):
    """One validation error."""

    pointer: str = Field(max_length=500, examples=["/body/price"])
    """JSON Pointer (RFC 6901) to the value."""
    message: str = Field(max_length=500, examples=["Input should be greater than 0"])
    """What is wrong with the value."""
    code: str = Field(max_length=100, examples=["greater_than"])
    """Stable code of the rule."""


class Problem(ResponseModel):
    """An error, readable for users and programs."""

    type: str = Field(max_length=500, examples=["/problems/not_found"])
    """URL of the page that explains this type of problem."""
    title: str = Field(max_length=200, examples=["Not found"])
    """Short text, the same for every problem of this type."""
    status: Annotated[int, Field(ge=400, le=599)]
    """HTTP status of the response."""
    detail: str = Field(max_length=1000, examples=["There is no such item."])
    """What happened in this case."""
    instance: str = Field(max_length=2000, examples=["/api/v1/items/1"])
    """Path of the request."""
    code: str = Field(max_length=100, examples=["not_found"])
    """Stable code of the type, for programs."""
    request_id: str = Field(max_length=128)
    """`X-Request-ID` of the response, for questions to the operator."""
    error: str | None = Field(
        default=None, max_length=100, examples=["invalid_grant"], exclude_if=is_absent
    )
    """Error code of the token and revocation endpoints (RFC 6749, section 5.2)."""
    error_description: str | None = Field(
        default=None,
        max_length=1000,
        examples=["The refresh token was used before."],
        exclude_if=is_absent,
    )
    """What happened in this case, for OAuth clients."""
    errors: list[ProblemError] | None = Field(
        default=None, max_length=MAX_ERRORS, exclude_if=is_absent
    )
    """One entry for each rule that the request breaks; only with status 422."""
