"""Checks of schemathesis that know which rules of this service a JSON schema does not express.

`fuzz.toml` has them in the place of the three checks that they extend.
"""

from collections.abc import Iterable
from typing import Any

import schemathesis
from schemathesis.specs.openapi.checks import (
    ensure_resource_availability,
    negative_data_rejection,
    positive_data_acceptance,
)

# Codes of problems and validation errors, each with the reason why a schema cannot prevent it.
RULES = {
    "bad_request": "a condition is a list of entity tags, or *",
    "destination_refused": "the URL of a webhook leads to a public host",
    "expires_in_the_past": "depends on the time of the request",
    "expires_too_late": "depends on the time of the request",
    "file_empty": "a file has content, which the bound of a form field cannot say",
    "greater_than": "amounts are strings",
    "idempotency_key_malformed": "a header of printable characters",
    "idempotency_key_reused": "a key belongs to one request",
    "int_type": "an integer is written without a fraction: 30.0 is one for JSON Schema",
    "invalid_cursor": "the service signs cursors",
    "invalid_mailed_token": "the service makes the tokens of its mails",
    "invalid_request": "an OAuth parameter without a value is absent (RFC 6749, section 3.1)",
    "json_invalid": "the variables of a GET request for GraphQL are JSON in a string",
    "less_than_equal": "amounts are strings",
    "missing": "a form without a file has no part for it; GET /graphql accepts a hash instead",
    "password_common": "the most common passwords are rejected",
    "precondition_failed": "only the current version is valid",
    "tax_above_price": "compares two fields",
    "text_control_character": "text is printable",
    "text_invisible": "text has something to read",
    "unknown_category": "names a category that does not exist",
    "unknown_sort": "names a field twice",
    "unsupported_media_type": "the content of a file decides its type",
    "uri_too_long": "each parameter is within its limit, and the URL is not",
    "value_error": "an e-mail address is more than its format says",
    "wrong_password": "only one is right",
}
# A recipient ignores these headers when they are not valid (RFC 9110, sections 13.1 and 14.2). The
# cookie is treated likewise: a client cannot correct what another program has stored in it.
IGNORED = {
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Range",
    "last_query",
}

# The parts of a form are texts and files: a number is its text, and one part is a list of one.
FORMS = {"POST /api/v1/files", "POST /api/v1/files/batch"}


@schemathesis.check
def accepts_valid_requests(ctx: Any, response: Any, case: Any) -> bool | None:
    if response.status_code >= 400 and codes(response.json()) <= RULES.keys():
        return None
    return positive_data_acceptance(ctx, response, case)


def codes(problem: dict[str, Any]) -> set[str]:
    """Return the codes of the validation errors, else that of the problem."""
    return {error["code"] for error in problem.get("errors") or [problem]}


@schemathesis.check
def rejects_invalid_requests(ctx: Any, response: Any, case: Any) -> bool | None:
    changed = set(changed_parameters(case))
    if (changed and changed <= IGNORED) or case.operation.label in FORMS:
        return None
    return negative_data_rejection(ctx, response, case)


@schemathesis.check
def finds_created_resources(ctx: Any, response: Any, case: Any) -> bool | None:
    parent = ctx.internals.find_parent(case_id=case.id)
    created = ctx.internals.find_response(case_id=parent.id) if parent else None
    # The response of an earlier request, whose resource may have been deleted since.
    if created is not None and "idempotency-replayed" in created.headers:
        return None
    return ensure_resource_availability(ctx, response, case)


def changed_parameters(case: Any) -> Iterable[str]:
    """Return the names of the parameters that were made invalid."""
    data = case.meta.phase.data if case.meta else None
    names = [getattr(data, "parameter", None)]
    names += [mutation.parameter for mutation in getattr(data, "mutations", None) or []]
    return [name for name in names if name]
