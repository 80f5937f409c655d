"""Validation of GraphQL inputs by the schemas of the REST endpoints."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from strawberry.types.unset import UNSET

from app.errors import Unprocessable
from app.http.problem_details import violations

Schema = TypeVar("Schema", bound=BaseModel)


def validated(schema: type[Schema], given: Any, argument: str = "input") -> Schema:
    """Validate the input by the schema of the REST endpoints.

    Args:
        argument: name of the field argument that holds the input, for error pointers.

    Raises:
        Unprocessable: the input is invalid.
    """
    try:
        return schema.model_validate(
            {name: value for name, value in vars(given).items() if value is not UNSET}
        )
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        located = [{**each, "loc": (argument, *each["loc"])} for each in details]
        raise Unprocessable(violations=violations(located)) from None
