"""Base classes and common types of request and response schemas."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar, Generic, Self, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from app.http.field_descriptions import describe_fields
from app.runtime.text import TextRejected, normalized_line, normalized_paragraph, normalized_text

T = TypeVar("T")

# RFC 3339, section 5.6. Pydantic would also accept Unix seconds and dates.
RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
FULL_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
# PostgreSQL cannot store NUL; Pydantic rejects surrogates itself.
STORABLE = r"^[^\x00]*$"
# Per model and per response; a single error replaces a larger number.
MAX_ERRORS = 100


def rfc_3339(value: Any) -> Any:
    if isinstance(value, datetime) or (isinstance(value, str) and RFC_3339.fullmatch(value)):
        return value
    raise PydanticCustomError("datetime_format", "Times are written as in RFC 3339")


def in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:  # Of years 1 and 9999, with an offset.
        raise PydanticCustomError("datetime_range", "The time is too early or too late") from None


def full_date(value: Any) -> Any:
    if isinstance(value, date) or (isinstance(value, str) and FULL_DATE.fullmatch(value)):
        return value
    raise PydanticCustomError("date_format", "Dates are written as in RFC 3339")


def checked_by(rule: Callable[[str], str]) -> BeforeValidator:
    """Return a validator that normalizes or rejects text before Pydantic checks its length."""

    def check(value: Any) -> Any:
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        try:
            return rule(text) if isinstance(text, str) else value
        except TextRejected as error:
            raise PydanticCustomError(error.code, error.message) from None

    return BeforeValidator(check)


# The annotation of each text that a client sends ends in one of these, as tests/test_texts.py
# checks: `Annotated[Storable, Field(max_length=100), LINE]`. Bounds after it would be checked in
# Python and have other error codes.
LINE = checked_by(normalized_line)
TEXT = checked_by(normalized_text)
PARAGRAPH = checked_by(normalized_paragraph)


class Opaque:
    """Marks a text that is parsed or compared and never shown or stored, such as a token."""


OPAQUE = Opaque()
OpaqueText = Annotated[str, OPAQUE]
Storable = Annotated[str, StringConstraints(pattern=STORABLE)]
# Search text: words or prefixes of words.
MAX_SEARCH_LENGTH = 50
SearchText = Annotated[Storable, Field(min_length=3, max_length=MAX_SEARCH_LENGTH), LINE]
Id = Annotated[uuid.UUID, Field(strict=False)]
Date = Annotated[date, BeforeValidator(full_date), Field(strict=False, examples=["2027-01-31"])]
# Responses show the stored time, and the one that was sent: both in UTC.
IN_UTC = AfterValidator(in_utc)
Timestamp = Annotated[AwareDatetime, BeforeValidator(rfc_3339), Field(strict=False), IN_UTC]


def too_many_errors() -> PydanticCustomError:
    message = f"The input breaks more than {MAX_ERRORS} rules, too many to list"
    return PydanticCustomError("too_many_errors", message)


class Described(BaseModel):
    """A model whose fields are described by the strings below them."""

    model_config = ConfigDict(json_schema_extra=describe_fields)


class RequestModel(Described):
    """A request body: strict types, and unknown fields are rejected, so that typos fail."""

    model_config = ConfigDict(strict=True, extra="forbid", hide_input_in_errors=True)

    @model_validator(mode="wrap")
    @classmethod
    def bound_errors(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Bound the number of errors before their details are built, which is expensive."""
        if isinstance(data, dict) and len(data) > len(cls.model_fields) + MAX_ERRORS:
            raise too_many_errors()
        try:
            return handler(data)
        except ValidationError as error:
            if error.error_count() > MAX_ERRORS:
                raise too_many_errors() from None
            raise


class ResponseModel(Described):
    """A response body, read from a row or from a model's attributes.

    A field with a default is always sent, too, and so documented as required.
    """

    model_config = ConfigDict(
        from_attributes=True, json_schema_serialization_defaults_required=True
    )


class Page(ResponseModel, Generic[T]):
    """One page of a list; `total` is counted only when `include_total` asks for it."""

    items: Annotated[list[T], Field(max_length=100)]
    """The rows of this page."""
    next_cursor: Annotated[str, Field(max_length=2000)] | None = None
    """Value of `cursor` for the next page; null on the last page."""
    total: Annotated[int, Field(ge=0, le=2**63 - 1)] | None = None
    """Number of all rows that match; null unless `include_total` is true."""


class Stored(ResponseModel):
    """Base class of stored resources: id, times and version."""

    # Whether there are fields that change without a change of the row and of its version.
    has_unversioned_fields: ClassVar[bool] = False

    id: uuid.UUID
    """Id of the resource: a UUID of version 7."""
    created_at: datetime
    """Time of the creation."""
    updated_at: datetime
    """Time of the last change."""
    version: Annotated[int, Field(ge=1, le=2**31 - 1, examples=[1])]
    """Number of the version, which each change increments; `ETag` contains it."""
