"""Mistakes in the arguments of `app new resource`, each as one sentence with the remedy."""

import builtins
import keyword
from collections import Counter
from collections.abc import Iterable, Iterator

from pydantic import BaseModel
from sqlalchemy.dialects.postgresql.base import RESERVED_WORDS

from app.db.base import Base
from app.devtools.naming import CATCH_ALL_MODULES, DURATION, RETIRED_WORD, SIZE
from app.devtools.new.names import IDENTIFIER, Names, is_probably_plural
from app.devtools.new.rendering import identifiers
from app.devtools.new.resource import Resource
from app.devtools.new.specification import FieldSpec
from app.observability.request_context import AUDIT_NAMES

# The longest scope, `<plural>:write`, is stored in 30 characters.
MAX_PLURAL = 24
# Of PostgreSQL; it would cut longer names, and two might become one.
MAX_IDENTIFIER = 63
MAX_FIELDS = 20
MAX_FIELD = 30
PYTHON = frozenset({*keyword.kwlist, *dir(builtins), "date", "datetime", "enum", "uuid"})
COLUMNS = frozenset({"id", "created_at", "updated_at", "version", "owner_id", "deleted_at"})
# With the attributes of schemas and models.
RESERVED = PYTHON.union(dir(BaseModel), dir(Base))
AVOIDED = "{name} is a word that this project avoids: use the standard term of the field."
# Of functions that also take fields as keyword arguments, and of lists.
PARAMETERS = frozenset({*AUDIT_NAMES, *("owner", "query", "save", "uow")})
PARAMETERS |= {"cursor", "include_total", "limit", "q", "skip", "sort"}


Rules = Iterable[tuple[object, str]]


def broken(rules: Rules) -> Iterator[str]:
    """Yield the sentence of each rule that is broken."""
    return (sentence for is_broken, sentence in rules if is_broken)


def mistakes_of_names(names: Names, *, is_regular: bool) -> Iterator[str]:
    """Yield the mistakes in the names; `is_regular` if the plural was not given."""
    singular, plural = names.singular, names.plural
    # The regular plural of a wrong singular is as wrong.
    found = [*mistakes_of_name(singular)] or [*mistakes_of_name(plural)]
    yield from found
    yield from broken(
        [
            (
                is_regular and is_probably_plural(singular),
                f"{singular} seems to be a plural: give the singular, or --plural as well.",
            ),
            (singular == plural, f"{singular} is its own plural: give --plural {singular}_items."),
            (
                plural in RESERVED_WORDS,
                f"{plural} is a reserved word of SQL: give another --plural.",
            ),
            (
                plural in CATCH_ALL_MODULES,
                f"{plural} says nothing about its content: choose another name.",
            ),
            (
                len(plural) > MAX_PLURAL,
                f"{plural} is too long: give a --plural of up to {MAX_PLURAL} characters.",
            ),
        ]
    )


def mistakes_of_name(name: str) -> Iterator[str]:
    yield from broken(
        [
            (
                not IDENTIFIER.fullmatch(name),
                f"{name} is not a name in snake case: use lower-case letters, 0-9 and _.",
            ),
            (name in PYTHON, f"{name} is a name of Python: choose another one."),
            (
                name.startswith("test_"),
                f"pytest takes {name} for a test: choose a name that does not start with test_.",
            ),
            (RETIRED_WORD.search(name), AVOIDED.format(name=name)),
        ]
    )


def mistakes_of_fields(specs: list[FieldSpec], count: int) -> Iterator[str]:
    """Yield the mistakes in well-formed fields, and in the number of all that were given."""
    if not 1 <= count <= MAX_FIELDS:
        yield f"Give 1 to {MAX_FIELDS} fields, such as number:str amount:money due:date?."
    for spec in specs:
        yield from spec.mistakes()
        yield from mistakes_of_name_of_field(spec)
        retired = filter(RETIRED_WORD.search, spec.arguments)
        yield from (AVOIDED.format(name=argument) for argument in retired)
    yield from repeated(spec.column for spec in specs)


def repeated(columns: Iterable[str]) -> Iterator[str]:
    for column, count in Counter(columns).items():
        if count > 1:
            yield f"{column} is the column of {count} fields: leave one out, or rename it."


def mistakes_of_name_of_field(spec: FieldSpec) -> Iterator[str]:
    name = spec.name
    yield from broken(
        [
            (name in COLUMNS, f"{name} is a column that tables have without it: leave it out."),
            (
                {name, spec.column} & PARAMETERS,
                f"{name} is a parameter of functions that get the fields: choose another name.",
            ),
            (
                name not in COLUMNS and (name in RESERVED or name.startswith("model_")),
                f"{name} is a name of Python, Pydantic or SQLAlchemy: choose another one.",
            ),
            (RETIRED_WORD.search(name), AVOIDED.format(name=name)),
            (len(name) > MAX_FIELD, f"{name} is longer than {MAX_FIELD} characters: shorten it."),
            (
                spec.type == "int" and unit_of(name),
                f"{name} is a number without a unit: name it, as in {name}_{unit_of(name)}.",
            ),
            (
                name.endswith("_at") and spec.type not in {"date", "datetime"},
                f"{name} is called like a time: make it {name}:datetime, or choose another name.",
            ),
        ]
    )


def unit_of(name: str) -> str:
    """Return a unit that the name of a number lacks, or an empty text."""
    if DURATION.search(name):
        return "seconds"
    return "bytes" if SIZE.search(name) else ""


def mistakes_of_resource(resource: Resource) -> Iterator[str]:
    """Yield the mistakes that show when the names meet those of the generated code."""
    names = resource.names
    used = identifiers(resource)
    for name in (names.singular, names.plural, names.model, names.models):
        if name in used:
            yield f"{name} is a name that the generated code uses: choose another one."
    longest = max(resource.identifiers, key=len)
    if len(longest) > MAX_IDENTIFIER:
        yield (
            f"{longest} would be too long for PostgreSQL, which permits {MAX_IDENTIFIER} "
            "characters: choose shorter names."
        )
