"""The GraphQL schema against its snapshot.

After a change of the schema, `.venv/bin/python -m tests.features.graphql.test_schema` writes
docs/schema.graphql.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from graphql import GraphQLNamedType, build_schema, lexicographic_sort_schema, print_schema

from app.feature import FeatureError, Features, load_features
from app.features.graphql.extension import GraphQLTypes
from app.features.graphql.schema import Schema, create_schema

SNAPSHOT = Path(__file__).parents[3] / "docs" / "schema.graphql"


def schema_of(features: Features) -> Schema:
    return create_schema(features.extensions("graphql", GraphQLTypes), is_open=True)


def sorted_sdl() -> str:
    """Types, fields and arguments in alphabetical order."""
    types = build_schema(schema_of(load_features()).as_str())
    return print_schema(lexicographic_sort_schema(types)) + "\n"


class TestSchema:
    def test_extension_of_another_class_is_rejected(self) -> None:
        with pytest.raises(FeatureError, match=r"graphql must be of type Schema"):
            load_features().extensions("graphql", Schema)

    def test_fields_with_first_are_connections(self) -> None:
        connections = schema_of(load_features()).connections

        assert {"items", "users"} <= connections
        assert not {"item", "me", "edges", "node"} & connections


def undescribed(types: Iterable[GraphQLNamedType]) -> Iterator[str]:
    """Name types, fields and arguments that have no description."""
    for each in types:
        if not each.description:
            yield each.name
        for field, definition in getattr(each, "fields", {}).items():
            arguments = getattr(definition, "args", {}).items()
            for name, described in [("", definition), *arguments]:
                if not described.description:
                    yield f"{each.name}.{field}({name})"


def test_types_fields_and_arguments_have_a_description() -> None:
    types = build_schema(schema_of(load_features()).as_str()).type_map.values()

    assert list(undescribed(each for each in types if not each.name.startswith("__"))) == []


class TestSnapshot:
    def test_snapshot_is_up_to_date(self) -> None:
        assert SNAPSHOT.read_text(encoding="utf-8") == sorted_sdl()


if __name__ == "__main__":
    SNAPSHOT.write_text(sorted_sdl(), encoding="utf-8")
