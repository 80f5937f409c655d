"""A resource to generate, with what its templates derive from names, fields and options."""

from collections.abc import Iterator
from dataclasses import dataclass

from app.db.compiled import DIALECT
from app.devtools.naming import SECRET
from app.devtools.new.fields import Field
from app.devtools.new.names import Names, article
from app.devtools.new.references import Target
from app.devtools.new.specification import FieldSpec

# Each sort has an index; a cursor with the longest texts of two fits into its bound.
MAX_SORTS = 2
# Everything is for all roles: of the callers with a scope, and of the owner and administrators.
READING = "200 200   200 200   200 200"
OWNED = {
    "list": "200 -     200 -     200 -",
    "read": READING,
    "create": "403 -     201 -     201 -",
    "replace": "403 403   200 403   200 200",
    "update": "403 403   200 403   200 200",
    "delete": "403 403   204 403   204 204",
}
ADMINISTERED = {
    "list": "200 -     200 -     200 -",
    "read": "200 -     200 -     200 -",
    "create": "403 -     403 -     201 -",
    "replace": "403 -     403 -     200 -",
    "update": "403 -     403 -     200 -",
    "delete": "403 -     403 -     204 -",
}


@dataclass(frozen=True)
class Resource:
    names: Names
    fields: tuple[Field, ...]
    owner: Target | None = None
    soft_delete: bool = False
    deletable: bool = True

    @property
    def owned(self) -> bool:
        return self.owner is not None

    @property
    def your(self) -> str:
        return "your" if self.owned else article(self.names.noun)

    @property
    def changeable(self) -> str:
        """Return the name of the dependency that loads a row to change."""
        return f"{'Own' if self.owned else 'Any'}{self.names.model}"

    @property
    def owner_field(self) -> tuple[Field, ...]:
        return (Field(FieldSpec("owner_id", "ref"), self.names, self.owner),) if self.owner else ()

    @property
    def references(self) -> list[Field]:
        return [field for field in self.fields if field.target]

    @property
    def enums(self) -> list[Field]:
        return [field for field in self.fields if field.members]

    @property
    def required(self) -> list[Field]:
        return [field for field in self.fields if field.is_required]

    @property
    def filters(self) -> list[Field]:
        return [field for field in (*self.fields, *self.owner_field) if field.is_filter]

    @property
    def sorts(self) -> list[str]:
        sortable = [field.column for field in self.fields if field.is_sortable]
        return [*sortable[:MAX_SORTS], "created_at"]

    @property
    def changed(self) -> Field | None:
        """Return the field that the tests change: the first that refers to no other row."""
        return next((field for field in self.fields if not field.target), None)

    @property
    def targets(self) -> list[Target]:
        """Return the models of the references, each once."""
        return list(dict.fromkeys(field.target for field in self.fields if field.target))

    @property
    def foreign(self) -> list[Target]:
        return list({each.model: each for each in (*self.targets, self.owner) if each}.values())

    @property
    def foreign_keys(self) -> list[tuple[str, str]]:
        found = (*self.fields, *self.owner_field)
        return [(each.column, each.target.feature) for each in found if each.target]

    @property
    def types(self) -> set[str]:
        return {field.spec.type for field in self.fields}

    @property
    def requires(self) -> list[str]:
        """Return the features that the code imports; the types of money belong to items."""
        money = ["items"] if "money" in self.types else []
        return sorted({*(each.feature for each in self.foreign), *money})

    @property
    def indexes(self) -> list[tuple[str, list[str]]]:
        """Return name and columns of each index: for each sort, and for each filter."""
        sorts = [(column, [column, "id"]) for column in self.sorts]
        filters = [(each.column, [each.column, "created_at", "id"]) for each in self.filters]
        return [(f"ix_{self.names.plural}_{name}", columns) for name, columns in sorts + filters]

    @property
    def checks(self) -> list[tuple[str, str]]:
        """Return name and condition of the rules that the type of a column does not have."""
        amounts = [field.column for field in self.fields if field.spec.type == "money"]
        return [(f"{column}_is_not_negative", f"{quoted(column)} >= 0") for column in amounts]

    @property
    def identifiers(self) -> Iterator[str]:
        """Yield the names of indexes and constraints."""
        table = self.names.plural
        yield from (name for name, _ in self.indexes)
        yield from (f"ck_{table}_{name}" for name, _ in self.checks)
        yield from (f"fk_{table}_{column}" for column, _ in self.foreign_keys)
        yield from (f"ck_{table}_{field.enum.lower()}" for field in self.enums)

    @property
    def secret_columns(self) -> list[str]:
        return [field.column for field in self.fields if SECRET.search(field.column)]

    @property
    def permissions(self) -> list[tuple[str, str]]:
        """Return the rows of the authorization table."""
        statuses = OWNED if self.owned else ADMINISTERED
        return [
            (f"{verb}_{self.names.plural if verb == 'list' else self.names.singular}", columns)
            for verb, columns in statuses.items()
            if verb != "delete" or self.deletable
        ]


def quoted(column: str) -> str:
    """Return a column for SQL text; SQLAlchemy itself quotes reserved words."""
    return DIALECT.identifier_preparer.quote(column)
