"""Validation of GraphQL inputs by the schemas of the other endpoints."""

from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from strawberry.types.unset import UNSET

from app.errors import Unprocessable
from app.http.problem_details import violations

Schema = TypeVar("Schema", bound=BaseModel)


def validated(schema: type[Schema], given: Any, argument: str = "input") -> Schema:
    """Return the input as the schema of the other endpoints.

    Args:
        argument: where the input stands among the arguments of the field.

    Raises:
        Unprocessable: it breaks a rule.
    """
    try:
        return schema.model_validate(
            {name: value for name, value in vars(given).items() if value is not UNSET}
        )
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        placed = [{**each, "loc": (argument, *each["loc"])} for each in details]
        raise Unprocessable(violations=violations(placed)) from None
