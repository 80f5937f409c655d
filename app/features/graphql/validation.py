"""Validation of GraphQL documents: stops at a number of errors, each of which may be expensive.

For an unknown name graphql-core computes suggestions, and for an unknown field of an input object
it prints the whole object.
"""

from graphql import GraphQLError
from graphql.validation import ASTValidationContext, ASTValidationRule
from graphql.validation.validate import ValidationAbortedError
from strawberry.extensions import AddValidationRules

# A hundred, the default of graphql-core, took 0.3 s of the event loop.
MAX_VALIDATION_ERRORS = 10


class ErrorLimit(ASTValidationRule):
    """Aborts validation at one error more than allowed, of all rules together."""

    def __init__(self, context: ASTValidationContext) -> None:
        super().__init__(context)
        self._report = context.on_error
        self._count = 0
        context.on_error = self.count  # type: ignore[method-assign]  # It is a callback.

    def count(self, error: GraphQLError) -> None:
        """Report the error.

        Raises:
            ValidationAbortedError: there are too many.
        """
        if self._count >= MAX_VALIDATION_ERRORS:
            raise ValidationAbortedError("Too many validation errors: validation was aborted.")
        self._count += 1
        self._report(error)


class LimitedValidation(AddValidationRules):
    def __init__(self) -> None:
        super().__init__([ErrorLimit])
