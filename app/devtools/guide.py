"""Generated parts of the guide: the page of the kernel, and line numbers of links to the code.

`python -m app.devtools.guide` writes both.
"""

import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from app.devtools.code_lines import KERNEL, code_lines

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
# A link whose text is a name of Python: [`create_app`](../../app/main.py#L40).
LINK = re.compile(r"\[`([\w.]+)`\]\(([^)#\s]+\.py)#L\d+\)")
INTRODUCTION = """\
# The kernel, file by file

The kernel is everything in `app/` but `features/` and `devtools/`. It imports no feature. This page
is generated: each sentence is the first one of the module, and the number counts its lines of code,
without blank lines, comments and docstrings. For a reading order of ten files see the
[README](../../README.md#code-map), and for the way of a request through them
[How a request flows](request.md).
"""


def write() -> None:
    (GUIDE / "kernel.md").write_text(kernel_page(), encoding="utf-8")
    for path in GUIDE.glob("*.md"):
        path.write_text(with_lines(path.read_text(encoding="utf-8")), encoding="utf-8")


def kernel_page() -> str:
    """Return a table of modules for each folder of the kernel, those without code left out."""
    folders = groupby(kernel_modules(), key=lambda path: path.parent)
    return "\n".join([INTRODUCTION, *(table(folder, [*paths]) for folder, paths in folders)])


def kernel_modules() -> list[Path]:
    places = (ROOT / "app" / name for name in KERNEL)
    paths = (path for place in places for path in (place, *place.rglob("*.py")))
    found = {path for path in paths if path.suffix == ".py" and code_lines(path)}
    return sorted(found, key=lambda path: (path.parent, path.name))


def table(folder: Path, paths: list[Path]) -> str:
    rows = "".join(f"| {row(path)} |\n" for path in paths)
    total = sum(map(code_lines, paths))
    title = folder.relative_to(ROOT)
    return f"## {title}/: {total:,} lines\n\n| module | lines | |\n|---|--:|---|\n{rows}"


def row(path: Path) -> str:
    return f"[{path.name}](../../{path.relative_to(ROOT)}) | {code_lines(path)} | {purpose(path)}"


def purpose(path: Path) -> str:
    """Return the first sentence or line of the docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n\n")[0].replace("\n", " ").removesuffix(".").replace("|", "\\|")


def with_lines(page: str) -> str:
    """Return a page of the guide in which each link to a name leads to its definition.

    Raises:
        LookupError: the module does not define the name.
    """

    def located(link: re.Match[str]) -> str:
        name, target = link.groups()
        line = line_of(name, (GUIDE / target).resolve())
        return f"[`{name}`]({target}#L{line})"

    return LINK.sub(located, page)


def line_of(name: str, path: Path) -> int:
    """Return the number of the line that defines a function, class, method or constant."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for defined, line in definitions(tree, ""):
        if defined == name:
            return line
    raise LookupError(f"{path.relative_to(ROOT)} does not define {name}.")


def definitions(tree: ast.Module | ast.ClassDef, prefix: str) -> Iterator[tuple[str, int]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield prefix + node.name, node.lineno
        if isinstance(node, ast.ClassDef):
            yield from definitions(node, f"{node.name}.")
        if isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((ast.unparse(target), node.lineno) for target in targets)


if __name__ == "__main__":
    write()
