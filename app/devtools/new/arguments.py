"""Arguments of `app new resource`, checked and turned into a resource."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path

from app.config.settings import ConfigError
from app.devtools.new.fields import Field
from app.devtools.new.mistakes import (
    mistakes_of_fields,
    mistakes_of_names,
    mistakes_of_resource,
)
from app.devtools.new.names import Names, plural_of
from app.devtools.new.references import Target, find_target
from app.devtools.new.resource import Resource
from app.devtools.new.specification import parse
from app.devtools.new.taken import conflicts

# The feature whose rows may own others.
OWNERS = "users"


@dataclass(frozen=True)
class Options:
    """The options of the command line."""

    plural: str = ""
    owned_by: str = ""
    soft_delete: bool = False
    deletable: bool = True


def resource_of(root: Path, singular: str, fields: list[str], options: Options) -> Resource:
    """Return the resource that the arguments describe.

    Raises:
        ConfigError: they contain mistakes; a line for each.
    """
    names = Names(singular, options.plural or plural_of(singular))
    specs = [spec for spec in map(parse, fields) if spec]
    reject(
        mistakes_of_names(names, is_regular=not options.plural),
        mistakes_of_options(options),
        malformed(fields),
        mistakes_of_fields(specs, len(fields)),
    )
    targets = {spec.arguments[0]: spec for spec in specs if spec.type == "ref"}
    owner = (OWNERS,) if options.owned_by else ()
    found = {feature: find_target(root, feature) for feature in (*targets, *owner)}
    # One says enough: what has the name has it in several places.
    reject(islice(conflicts(root, names), 1), mistakes_of_targets(found))
    resource = Resource(
        names,
        tuple(Field(spec, names, found.get("".join(spec.arguments))) for spec in specs),
        owner=found.get(OWNERS) if options.owned_by else None,
        soft_delete=options.soft_delete,
        deletable=options.deletable,
    )
    reject(mistakes_of_resource(resource))
    return resource


def reject(*mistakes: Iterable[str]) -> None:
    """Report the mistakes, if there are any.

    Raises:
        ConfigError: there is one; a line for each.
    """
    if found := list(dict.fromkeys(chain.from_iterable(mistakes))):
        raise ConfigError("\n".join(found))


def mistakes_of_options(options: Options) -> Iterator[str]:
    if options.owned_by not in {"", "user"}:
        yield f"Only a user owns rows: give --owned-by user instead of {options.owned_by}."
    if options.soft_delete and not options.deletable:
        yield "--soft-delete and --no-delete exclude each other: leave one out."


def malformed(fields: list[str]) -> Iterator[str]:
    for field in fields:
        if parse(field) is None:
            yield (
                f"{field} is no field: write name:type, such as number:str, due:date?, tags:str[], "
                "status:enum(draft,sent) or customer:ref(users)."
            )


def mistakes_of_targets(targets: dict[str, Target | None]) -> Iterator[str]:
    for feature, target in targets.items():
        if target is None:
            yield f"There is no feature {feature} with a table {feature}: refer to one that has it."
        elif not target.factory:
            yield (
                f"The tests have no factory for {feature}: write make_{target.singular}(owner) in "
                f"tests/features/{feature}/factories.py."
            )
