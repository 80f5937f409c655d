"""Schema of application/problem+json (RFC 9457)."""

from typing import Annotated

from pydantic import ConfigDict, Field

from app.http.schemas import MAX_ERRORS, Out


def is_absent(value: str | None) -> bool:
    return value is None


class ProblemError(Out):
    """One validation error."""

    pointer: str = Field(max_length=500, examples=["/body/price"], description="RFC 6901")
    message: str = Field(max_length=500, examples=["Input should be greater than 0"])
    code: str = Field(max_length=100, examples=["greater_than"])


class Problem(Out):
    """An error, readable for users and programs."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=False)

    type: str = Field(max_length=500, examples=["/problems/not_found"])
    title: str = Field(max_length=200, examples=["Not found"])
    status: Annotated[int, Field(ge=400, le=599)]
    detail: str = Field(max_length=1000, examples=["There is no such item."])
    instance: str = Field(max_length=2000, examples=["/api/v1/items/1"])
    code: str = Field(max_length=100, examples=["not_found"])
    request_id: str = Field(max_length=128)
    error: str | None = Field(
        default=None,
        max_length=100,
        examples=["invalid_grant"],
        description="Of the token and revocation endpoints (RFC 6749, section 5.2).",
        exclude_if=is_absent,
    )
    error_description: str | None = Field(
        default=None,
        max_length=1000,
        examples=["The refresh token was used before."],
        exclude_if=is_absent,
    )
    errors: list[ProblemError] | None = Field(default=None, max_length=MAX_ERRORS)
