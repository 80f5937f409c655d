"""Fields of a generated resource, as its templates need them."""

import re
from dataclasses import dataclass, replace
from textwrap import fill

from app.devtools.new.kinds import ITEM_COLUMNS, ITEM_RESPONSES, KINDS, MAX_ITEMS, Kind
from app.devtools.new.names import Names, camel_case, words
from app.devtools.new.references import Target
from app.devtools.new.specification import FieldSpec

IS_A_VERB = re.compile(r"(is|has|can|may|was)_.+")
INDENT = 4 * " "
# Names that the template of the schemas imports or defines.
SCHEMA_NAMES = {
    *("AfterValidator", "Annotated", "Any", "AwareDatetime", "BeforeValidator", "Date", "Decimal"),
    *("Field", "Id", "JsonName", "JsonRead", "Money", "MoneyRead", "PlainSerializer"),
    *("PydanticCustomError", "RequestModel", "Storable", "Stored"),
}


@dataclass(frozen=True)
class Field:
    """One field: what the command line says, with the row that a reference leads to."""

    spec: FieldSpec
    names: Names
    target: Target | None = None

    @property
    def column(self) -> str:
        return self.spec.column

    @property
    def is_list(self) -> bool:
        return self.spec.is_list

    @property
    def is_optional(self) -> bool:
        return self.spec.is_optional

    @property
    def is_required(self) -> bool:
        return not (self.is_list or self.is_optional)

    @property
    def is_sortable(self) -> bool:
        return self.is_required and self.kind.is_sortable

    @property
    def is_filter(self) -> bool:
        return bool(self.target or self.members) and not self.is_list

    @property
    def members(self) -> tuple[str, ...]:
        return self.spec.arguments if self.spec.type == "enum" else ()

    @property
    def enum(self) -> str:
        return self.names.model + camel_case(self.spec.name)

    @property
    def kind(self) -> Kind:
        """Return the type of one value."""
        if self.target:
            return replace(KINDS["uuid"], column=f"ForeignKey({self.target.model}.id)")
        return enumeration(self.enum, self.members) if self.members else KINDS[self.spec.type]

    @property
    def or_none(self) -> str:
        return " | None" if self.is_optional else ""

    @property
    def row_type(self) -> str:
        """Return the type of one value in a filter."""
        return self.enum if self.members else self.kind.stored

    @property
    def stored_type(self) -> str:
        item = "str" if self.members else self.kind.stored
        return f"list[{item}]" if self.is_list else self.row_type

    @property
    def mapped(self) -> str:
        if self.is_list:
            return f'ARRAY({ITEM_COLUMNS[self.spec.type]}), server_default="{{}}"'
        return self.kind.column

    @property
    def migrated(self) -> str:
        if self.is_list:
            item = "sa.String(length=30)" if self.members else self.kind.migrated
            return f'sa.ARRAY({item}), server_default="{{}}"'
        return self.column if self.members else self.kind.migrated

    @property
    def alias(self) -> str:
        """Return the name of the request type in the schemas, or an empty text without bounds."""
        if not self.is_list and self.kind.request.isidentifier():
            return ""
        alias = camel_case(self.spec.name)
        own = {f"{self.names.model}{suffix}" for suffix in ("Create", "Update", "Read")}
        return f"{alias}Value" if alias in SCHEMA_NAMES | own else alias

    @property
    def request(self) -> str:
        """Return the request type with its bounds."""
        if not self.is_list:
            examples = f"examples=[{self.valid}]"
            return self.kind.request.format(examples=examples)
        item = self.kind.request.replace(", {examples}", "")
        return f"Annotated[list[{item}], Field(max_length={MAX_ITEMS}, examples=[{self.valid}])]"

    @property
    def request_type(self) -> str:
        return self.alias or self.kind.request

    @property
    def response_type(self) -> str:
        item = self.kind.response
        if self.is_list:
            return f"list[{ITEM_RESPONSES.get(self.spec.type, item)}]"
        return item

    @property
    def bounds(self) -> str:
        return f"max_length={MAX_ITEMS}" if self.is_list else self.kind.bounds

    @property
    def default(self) -> str:
        """Return what an omitted field means in the request that creates the row."""
        if self.is_list:
            return " = Field(default_factory=list)"
        return " = None" if self.is_optional else ""

    @property
    def valid(self) -> str:
        return self.example(self.kind.valid)

    @property
    def another(self) -> str:
        return self.example(self.kind.another)

    def example(self, value: str) -> str:
        named = value.replace("LABEL", words(self.spec.name).capitalize())
        return f"[{named}]" if self.is_list else named

    @property
    def invalid(self) -> str:
        return '"x"' if self.is_list else self.kind.invalid

    @property
    def code(self) -> str:
        return "list_type" if self.is_list else self.kind.code

    @property
    def docstring(self) -> str:
        """Return the docstring of the field in a request."""
        bounds = f", up to {MAX_ITEMS}" if self.is_list else self.kind.described
        return docstring(f"{self.subject}{bounds}{self.or_null}.")

    @property
    def response_docstring(self) -> str:
        unit = " in euros" if self.spec.type == "money" else ""
        return docstring(f"{self.subject}{unit}{self.or_null}.")

    @property
    def or_null(self) -> str:
        return ", or null" if self.is_optional else ""

    @property
    def subject(self) -> str:
        name, noun = words(self.spec.name), self.names.noun
        if self.spec.type == "bool":
            verb = IS_A_VERB.fullmatch(self.spec.name)
            return f"Whether the {noun} {name if verb else f'is {name}'}"
        if self.spec.type == "datetime" and name.endswith(" at"):
            event = name.removesuffix(" at")
            return f"Time at which the {noun} {event if event.endswith('s') else f'was {event}'}"
        if self.spec.type == "date" and not name.endswith(("date", "day")):
            name = f"{name} date"
        if self.target:
            return f"Id of the {name.removesuffix(' id')}"
        return f"{name.capitalize()} of the {noun}"

    @property
    def filter_description(self) -> str:
        name = words(self.spec.name).removesuffix(" id")
        return f"Of this {name}." if self.target else f"With this {name}."


def docstring(text: str) -> str:
    """Return the docstring of an attribute, in lines that the style permits."""
    return fill(f'"""{text}"""', 100, initial_indent=INDENT, subsequent_indent=INDENT).lstrip()


def enumeration(name: str, members: tuple[str, ...]) -> Kind:
    return Kind(
        stored=name,
        column=f"text_enum({name})",
        migrated="",
        request=f"Annotated[{name}, Field(strict=False)]",
        response=name,
        bounds="",
        valid=f'"{members[0]}"',
        another=f'"{members[1]}"',
        invalid='"no-such-value"',
        code="enum",
    )
