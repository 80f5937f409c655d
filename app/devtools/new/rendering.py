"""Rendering of a resource: templates to formatted source, before anything is written."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.devtools.new.names import Names
from app.devtools.new.resource import Resource

TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=False,  # noqa: S701  (Python source)
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
RUFF = Path(sys.executable).with_name("ruff")
# A folder that does not exist yet would be taken for a package of others.
FIRST_PARTY = 'lint.isort.known-first-party=["alembic", "app", "tests"]'
# Each template imports all that it may need.
UNUSED_AND_UNSORTED = ("check", "--quiet", "--fix", "--select=I,F401", "--config", FIRST_PARTY)
# Loops leave a comma at the end of each sequence.
FORMAT = ("format", "--quiet", "--config", "format.skip-magic-trailing-comma=true")
PLACEHOLDER = Names("placeholder_thing", "placeholder_things")

Files = dict[Path, str]


def render(resource: Resource, revision: str, parent: str) -> Files:
    """Return the unformatted source of each file, by its path below the root."""
    plural = resource.names.plural
    values = {"revision": revision, "parent": parent, **values_of(resource)}
    templates = {
        **{f"app/features/{plural}/{name}.py": f"app/{name}.py" for name in modules("app")},
        **{f"tests/features/{plural}/{name}.py": f"tests/{name}.py" for name in modules("tests")},
        f"alembic/versions/{revision}.py": "migration.py",
    }
    packages = {f"{folder}/features/{plural}/__init__.py": "" for folder in ("app", "tests")}
    sources = {
        path: TEMPLATES.get_template(f"{name}.tmpl").render(values)
        for path, name in templates.items()
    }
    return {Path(path): source for path, source in {**packages, **sources}.items()}


def modules(folder: str) -> list[str]:
    names = TEMPLATES.list_templates(filter_func=lambda name: name.startswith(f"{folder}/"))
    return [name.removeprefix(f"{folder}/").removesuffix(".py.tmpl") for name in names]


def values_of(resource: Resource) -> dict[str, object]:
    """Return the properties of a resource and of its names, as variables of the templates."""
    parts = (resource, resource.names)
    return {
        name: getattr(part, name)
        for part in parts
        for name in (*part.__dataclass_fields__, *vars(type(part)))
        if not name.startswith("_")
    }


def formatted(root: Path, files: Files) -> Files:
    """Return the files without unused imports and in the style of the checkout."""
    return {path: format_source(root, path, source) for path, source in files.items()}


def format_source(root: Path, path: Path, source: str) -> str:
    for command in (UNUSED_AND_UNSORTED, FORMAT):
        arguments = [RUFF, *command, f"--stdin-filename={path}", "-"]
        done = subprocess.run(
            arguments, cwd=root, input=source, capture_output=True, text=True, check=True
        )
        source = done.stdout
    return source


def identifiers(resource: Resource) -> set[str]:
    """Return the names that the code of a resource uses, whatever the resource is called."""
    fields = tuple(replace(field, names=PLACEHOLDER) for field in resource.fields)
    files = render(replace(resource, names=PLACEHOLDER, fields=fields), "", "")
    return {name for source in files.values() for name in names_in(ast.parse(source))}


def names_in(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.alias):
            yield node.asname or node.name
