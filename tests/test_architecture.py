"""Architecture rules: places of statements, sizes of files and functions."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import pytest
from pydantic import BaseModel, EmailStr, TypeAdapter, ValidationError

from app.devtools.code_lines import KERNEL, ROWS, counted
from app.devtools.naming import CATCH_ALL_MODULES
from app.feature import load_features
from app.http.schemas import RequestModel

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "app").rglob("*.py"))


STATEMENTS = {"select", "insert", "update", "delete"}
# Parts of the kernel that wrap statements or the driver; what they ask is written in crud modules.
MAY_MAKE_STATEMENTS = {
    "app/features/replica/replica.py",
    "app/features/background_jobs/queue.py",
}
MAY_SPEAK_SQL = {"crud", "models"}
MAX_FILE_LINES = 250
# Longer, until they are split.
UNDIVIDED = {
    "app/lifespan.py": 280,
}
MAX_FUNCTION_LINES = 25

Function = ast.FunctionDef | ast.AsyncFunctionDef


def place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


class TestPlaces:
    def test_statements_are_made_in_crud(self) -> None:
        makers = {place(path) for path in SOURCES if STATEMENTS & sqlalchemy_names(path)}

        elsewhere = {maker for maker in makers if not is_data_access(maker)}
        assert elsewhere <= MAY_MAKE_STATEMENTS

    def test_no_module_is_called_utils(self) -> None:
        parts = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts}

        assert not CATCH_ALL_MODULES & parts


def is_data_access(maker: str) -> bool:
    """Whether it is a module of `app/db`, or one called `crud` or `models` or in such a package.

    Dashboard figures are statements by their nature.
    """
    path = Path(maker)
    names = {path.stem, path.parent.name}
    return maker.startswith("app/db/") or path.stem == "dashboard" or bool(MAY_SPEAK_SQL & names)


def sqlalchemy_names(path: Path) -> set[str]:
    """What a module imports from SQLAlchemy, by its original name."""
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    imports = (node for node in nodes if isinstance(node, ast.ImportFrom))
    return {
        alias.name
        for node in imports
        if (node.module or "").partition(".")[0] == "sqlalchemy"
        for alias in node.names
    }


class TestSizes:
    @pytest.mark.parametrize("path", SOURCES, ids=place)
    def test_file_fits_the_budget(self, path: Path) -> None:
        length = len(path.read_text(encoding="utf-8").splitlines())

        assert length <= UNDIVIDED.get(place(path), MAX_FILE_LINES)

    @pytest.mark.parametrize("path", SOURCES, ids=place)
    def test_functions_fit_the_budget(self, path: Path) -> None:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = (node for node in ast.walk(tree) if isinstance(node, Function))

        assert [f.name for f in functions if body_lines(f) > MAX_FUNCTION_LINES] == []


# --- feature: reference
# This may only fall.
MAX_KERNEL_LINES = 5_000


def test_kernel_does_not_grow() -> None:
    assert counted(KERNEL, ()) <= MAX_KERNEL_LINES


class TestReadme:
    """The README contains the lines of code."""

    @pytest.mark.parametrize("name", ROWS)
    def test_names_the_lines_of_code(self, name: str) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        (claimed,) = re.findall(rf"\| {name}[^|]*\| ([\d,]+) \|", readme)

        assert counted(*ROWS[name]) == pytest.approx(int(claimed.replace(",", "")), rel=0.02)


# --- end feature: reference


def body_lines(function: Function) -> int:
    """From the first statement behind the docstring to the end."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def schemas(parent: type[BaseModel] = RequestModel) -> Iterator[type[BaseModel]]:
    for child in parent.__subclasses__():
        if child.__module__.startswith("app."):  # Tests have some of their own.
            yield child
            yield from schemas(child)


def texts(name: str, annotation: Any, rules: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Every text in a type, however deep, with the rules that hold for it."""
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        yield from texts(name, inner, (*more, *rules))
    elif annotation in {str, EmailStr}:
        yield name, Annotated[(annotation, *rules)] if rules else annotation
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield from fields(name, annotation)
    else:
        for part in get_args(annotation):
            yield from texts(name, part)


def fields(name: str, schema: type[BaseModel]) -> Iterator[tuple[str, Any]]:
    for field, info in schema.model_fields.items():
        yield from texts(f"{name}.{field}", info.annotation, tuple(info.metadata))


load_features()  # Imports every schema.
# What comes by GraphQL is held against the schemas of the API once more, field by field.
TAKEN = [each for each in schemas() if not each.__module__.startswith("app.features.graphql")]
FIELDS = dict(pair for schema in TAKEN for pair in fields(schema.__name__, schema))


class TestTexts:
    """What PostgreSQL cannot store is rejected before it gets there."""

    def test_fields_were_found(self) -> None:
        assert {"ItemCreate.name", "ItemCreate.tags", "ProfileUpdate.address.city"} <= FIELDS.keys()

    @pytest.mark.parametrize("part", ["\0", "\ud800"], ids=["NUL", "surrogate"])
    @pytest.mark.parametrize("field", sorted(FIELDS))
    def test_unstorable_text_is_rejected(self, field: str, part: str) -> None:
        text = TypeAdapter(FIELDS[field])
        good = ["a@example.com", *(example for example in text.json_schema().get("examples", ()))]
        candidates = [*("a" * n + part for n in range(130)), *(each + part for each in good)]

        for candidate in candidates:
            with pytest.raises(ValidationError):
                text.validate_python(candidate)

    @pytest.mark.parametrize("schema", sorted(schemas(), key=str))
    def test_schema_is_strict(self, schema: type[BaseModel]) -> None:
        assert schema.model_config.get("strict") is True
        assert schema.model_config.get("extra") == "forbid"
        assert schema.model_config.get("hide_input_in_errors") is True
