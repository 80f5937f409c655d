"""The GraphQL schema against its snapshot.

After a change of the schema, `.venv/bin/python -m tests.features.graphql.test_schema` writes
docs/schema.graphql anew.
"""

from pathlib import Path

from graphql import build_schema, lexicographic_sort_schema, print_schema

from app.features.graphql.schema import schema

SNAPSHOT = Path(__file__).parents[3] / "docs" / "schema.graphql"


def sorted_sdl() -> str:
    """Types, fields and arguments in alphabetical order."""
    types = build_schema(schema(is_open=True).as_str())
    return print_schema(lexicographic_sort_schema(types)) + "\n"


class TestSnapshot:
    def test_is_what_the_schema_says(self) -> None:
        assert SNAPSHOT.read_text(encoding="utf-8") == sorted_sdl()


if __name__ == "__main__":
    SNAPSHOT.write_text(sorted_sdl(), encoding="utf-8")
