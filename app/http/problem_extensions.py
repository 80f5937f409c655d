"""Problem extensions: responses to errors that a feature sends instead of the plain problem.

For example with further members (RFC 9457, section 3.2), or as a page for browsers.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Scope

from app.errors import AppError


@dataclass(frozen=True, slots=True)
class ProblemExtension:
    """`respond` makes the response from the error and the body of its problem."""

    applies: Callable[[Scope], bool]
    respond: Callable[[Scope, AppError, dict[str, Any]], Response]


@dataclass(frozen=True, slots=True)
class ProblemExtensions:
    declared: tuple[ProblemExtension, ...]

    def find(self, scope: Scope) -> ProblemExtension | None:
        """Return the first that applies, in the order of the features."""
        return next((each for each in self.declared if each.applies(scope)), None)
