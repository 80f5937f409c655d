"""Problem extensions: members and header fields that a feature adds to problems at its paths.

RFC 9457, section 3.2, lets a problem have further members.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.types import Scope

from app.errors import AppError


@dataclass(frozen=True, slots=True)
class ProblemExtension:
    """`headers` replaces the challenge of a 401; `media_type` is that of the response."""

    applies: Callable[[Scope], bool]
    members: Callable[[AppError], Mapping[str, str]]
    headers: Callable[[AppError], Mapping[str, str]]
    media_type: Callable[[Scope], str]


@dataclass(frozen=True, slots=True)
class ProblemExtensions:
    declared: tuple[ProblemExtension, ...]

    def find(self, scope: Scope) -> ProblemExtension | None:
        return next((each for each in self.declared if each.applies(scope)), None)
