"""Errors of settings as sentences for the operator, without the values."""

from pydantic import ValidationError

# Of a default that is made of other settings, which have a sentence of their own.
FOLLOWS_FROM_OTHERS = "default_factory_not_called"


def sentences_by_name(error: ValidationError) -> dict[str, str]:
    """Return the first sentence about each setting; those about several have no name."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False):
        if each["type"] == FOLLOWS_FROM_OTHERS:
            continue
        # What follows is a place in the value of a list, and no part of the name.
        name = str(each["loc"][0]).lower() if each["loc"] else ""
        message = each["msg"].removeprefix("Value error, ")
        found.setdefault(name, f"{name.upper()} is not usable: {message}" if name else message)
    return found
