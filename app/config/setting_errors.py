"""Validation errors of settings as sentences for the operator, without the values."""

from pydantic import ValidationError

# The default depends on other settings, which have their own sentence.
DERIVED_DEFAULT = "default_factory_not_called"


def sentences_by_name(error: ValidationError) -> dict[str, str]:
    """Return the first sentence about each setting; those about several have no name."""
    found: dict[str, str] = {}
    for each in error.errors(include_url=False, include_input=False):
        if each["type"] == DERIVED_DEFAULT:
            continue
        # Further elements are an index in a list, not a part of the name.
        name = str(each["loc"][0]).lower() if each["loc"] else ""
        message = each["msg"].removeprefix("Value error, ")
        found.setdefault(name, f"{name.upper()} is not usable: {message}" if name else message)
    return found
