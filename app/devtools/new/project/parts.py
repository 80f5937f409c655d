"""Parts of this repository that a new project begins without: measurements, and what tests them."""

import ast
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.devtools.new.project.copying import rewrite, texts
from app.devtools.removal import blocks, citations

# Whole files and folders, as patterns; lines and paragraphs are marked as those of features are.
FILES = {
    "benchmarks": ("benchmarks", "docs/benchmarks.md", "docs/images/*.svg", "tests/test_drills.py"),
    "reference": (
        ".ci/copy",
        ".ci/removal",
        ".ci/templates",
        "app/devtools/new/project",
        "benchmarks/projects.py",
        "docs/guide/project.md",
        "docs/images/*.png",
        # They hold the generator and the removal of features against this repository.
        "tests/devtools/new/project",
        "tests/devtools/new/test_generated.py",
        "tests/devtools/new/test_templates.py",
        "tests/test_removal.py",
    ),
}
MODULE = re.compile(r"\bbenchmarks\.(?=\w)")


def leave_out(root: Path, parts: Iterable[str]) -> None:
    """Delete the files and the blocks of the parts; tests keep the modules that they use."""
    parts = list(parts)
    if "benchmarks" in parts:
        move_used(root)
    deleted = [path for part in parts for path in delete(root, part)]
    for path, text in texts(root).items():
        after = text
        for part in parts:
            after = blocks.cut(after, part) if f"feature: {part}" in after else after
        rewrite(root, path, text, after)
    citations.cut_files(root, deleted)
    for folder in sorted(root.rglob("*/"), reverse=True):
        if not any(folder.iterdir()):
            folder.rmdir()


def delete(root: Path, part: str) -> list[Path]:
    """Delete the files of a part; return them, relative to the root."""
    deleted = [path for pattern in FILES[part] for path in sorted(root.glob(pattern))]
    for path in deleted:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return [path.relative_to(root) for path in deleted]


def move_used(root: Path) -> None:
    """Move the modules of `benchmarks/` that tests import to `tests/`, at the same depth."""
    for path in sorted(used(root)):
        target = root / "tests" / path.relative_to(root / "benchmarks")
        target.parent.mkdir(parents=True, exist_ok=True)
        path.rename(target)
    for path in (root / "tests").rglob("*.py"):
        before = path.read_text(encoding="utf-8")
        rewrite(root, path, before, MODULE.sub("tests.", before))


def used(root: Path) -> set[Path]:
    """Return the modules of `benchmarks/` that tests import, directly or not."""
    drills = {root / pattern for pattern in FILES["benchmarks"]}
    waiting = [path for path in (root / "tests").rglob("*.py") if path not in drills]
    found: set[Path] = set()
    while waiting:
        imported = set(imported_modules(root, waiting.pop())) - found
        found |= imported
        waiting += imported
    return found | {package for path in found for package in packages(root, path)}


def imported_modules(root: Path, path: Path) -> Iterator[Path]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchmarks"):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            paths = (root / f"{name.replace('.', '/')}.py" for name in names)
            yield from (each for each in paths if each.exists())


def packages(root: Path, path: Path) -> Iterator[Path]:
    """Yield the `__init__.py` of the folders between `benchmarks/` and a module."""
    for folder in path.parents:
        if folder in {root, root / "benchmarks"}:
            return
        if (folder / "__init__.py").exists():
            yield folder / "__init__.py"
