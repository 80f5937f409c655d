"""Lines of code, without blank lines, comments and docstrings; `python -m` writes the README."""

import ast
import io
import re
import tokenize
from collections.abc import Collection
from functools import cache
from pathlib import Path

from app.features import FEATURES

ROOT = Path(__file__).parents[2]
ALWAYS_PRESENT = (
    *("users", "auth", "mail", "categories", "items", "tasks", "html_pages"),
    *("openapi_details", "idempotency", "background_jobs", "system"),
)
KERNEL = sorted(
    path.name
    for path in (ROOT / "app").iterdir()
    if path.name not in {"features", "devtools", "__pycache__"}
)
SMALLEST = [*KERNEL, *(f"features/{name}" for name in ALWAYS_PRESENT)]
# Rows of the README by how they begin: parts of `app/`, and modules that do not count.
ROWS: dict[str, tuple[Collection[str], Collection[str]]] = {
    "the kernel": (KERNEL, ()),
    "the smallest service": (SMALLEST, set(FEATURES) - set(ALWAYS_PRESENT)),
    "everything": ([""], ()),
}

LAYOUT = {
    tokenize.COMMENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
    tokenize.INDENT,
    tokenize.NEWLINE,
    tokenize.NL,
}


@cache
def code_lines(path: Path) -> int:
    """Count the lines of a Python file that hold code."""
    return len(numbers_of_code(path))


def numbers_of_code(path: Path) -> set[int]:
    """Return the numbers, from 1, of the lines that hold code."""
    source = path.read_text(encoding="utf-8")
    lines = {
        number
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type not in LAYOUT
        for number in range(token.start[0], token.end[0] + 1)
    }
    return lines - docstring_lines(ast.parse(source))


def docstring_lines(tree: ast.Module) -> set[int]:
    """Return the lines of docstrings, and of those of attributes: strings that are statements."""
    return {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and is_string(node.value)
        for number in range(node.lineno, (node.end_lineno or 0) + 1)
    }


def is_string(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)


def counted(parts: Collection[str], without: Collection[str]) -> int:
    """Count the lines of code of folders and modules of `app/`, without modules of some names."""
    paths = (path for part in parts for path in [ROOT / "app" / part])
    files = (file for path in paths for file in (path.rglob("*.py") if path.is_dir() else [path]))
    return sum(code_lines(file) for file in files if file.stem not in without)


def write_readme() -> None:
    """Write the numbers of the README, rounded to hundreds."""
    readme = ROOT / "README.md"
    text = readme.read_text(encoding="utf-8")
    for name, (parts, without) in ROWS.items():
        rounded = f"{round(counted(parts, without), -2):,}"
        text = re.sub(rf"(\| {name}[^|]*\| )[\d,]+(?= \|)", rf"\g<1>{rounded}", text)
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_readme()
