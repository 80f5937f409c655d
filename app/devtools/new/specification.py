"""Fields as the command line gives them: `due:date?`, `tags:str[]`, `status:enum(draft,sent)`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from app.devtools.new.kinds import ITEM_COLUMNS, KINDS
from app.devtools.new.names import IDENTIFIER

FIELD = re.compile(
    r"(?P<name>\w+):(?P<type>[a-z]+)(?:\((?P<arguments>[^()]*)\))?(?P<list>\[\])?(?P<optional>\?)?"
)
TYPES = (*KINDS, "enum", "ref")
# The length of the column of an enumeration.
MAX_MEMBER = 30


@dataclass(frozen=True)
class FieldSpec:
    """One field; `arguments` are the members of an enumeration or the feature of a reference."""

    name: str
    type: str
    arguments: tuple[str, ...] = ()
    is_list: bool = False
    is_optional: bool = False

    @property
    def column(self) -> str:
        is_reference = self.type == "ref" and not self.name.endswith("_id")
        return f"{self.name}_id" if is_reference else self.name

    def mistakes(self) -> Iterator[str]:
        """Yield a sentence with the remedy for each mistake in the field itself."""
        name, kind = self.name, self.type
        if not IDENTIFIER.fullmatch(name):
            yield f"{name} is not a name in snake case: use lower-case letters, 0-9 and _."
        if kind not in TYPES:
            yield f"{name}: there is no type {kind}; the types are {', '.join(TYPES)}."
        elif self.is_list and kind not in ITEM_COLUMNS:
            yield f"{name}: a list is of {', '.join(ITEM_COLUMNS)}: leave out the []."
        if self.is_list and self.is_optional:
            yield f"{name}: a list is empty and never null: leave out the ?."
        yield from self.mistakes_of_arguments()

    def mistakes_of_arguments(self) -> Iterator[str]:
        if self.type == "enum":
            yield from self.mistakes_of_members()
        elif self.type == "ref" and len(self.arguments) != 1:
            yield f"{self.name}: name the feature that it refers to, such as ref(users)."
        elif self.type in KINDS and self.arguments:
            yield f"{self.name}: {self.type} has no arguments: leave out the parentheses."

    def mistakes_of_members(self) -> Iterator[str]:
        members = self.arguments
        if len(set(members)) < max(len(members), 2):
            yield f"{self.name}: name at least two different values, such as enum(draft,sent)."
        if not all(IDENTIFIER.fullmatch(each) and len(each) <= MAX_MEMBER for each in members):
            yield f"{self.name}: write values in snake case, of up to {MAX_MEMBER} characters."


def parse(text: str) -> FieldSpec | None:
    """Return the field, or None if the text has another shape."""
    match = FIELD.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    arguments = match["arguments"]
    return FieldSpec(
        match["name"],
        match["type"],
        () if arguments is None else tuple(arguments.split(",")),
        is_list=bool(match["list"]),
        is_optional=bool(match["optional"]),
    )
