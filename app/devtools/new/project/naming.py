"""Names of this repository, replaced by those of a new project."""

import subprocess
from pathlib import Path

from app.devtools.new.project.copying import rewrite, texts
from app.devtools.new.project.specification import Project
from app.devtools.new.rendering import RUFF

DESCRIPTION = "A reference for production REST API services in Python."
# Other names change the order of imports and the width of lines, blocks leave imports unused, and
# modules that move to `tests/` have other exceptions there.
FIX = ("check", "--quiet", "--exit-zero", "--fix", "--fixable=I,F401,RUF100")
STYLE = (FIX, ("format", "--quiet"))


def names(project: Project) -> dict[str, str]:
    return {
        DESCRIPTION: project.description,
        "Reference API": project.title,
        "reference-api": project.name,
        "reference_api": project.name.replace("-", "_"),
    }


def rename(root: Path, project: Project) -> None:
    for path, before in texts(root).items():
        after = before
        for old, new in names(project).items():
            after = after.replace(old, new)
        rewrite(root, path, before, after)
    package = root / "pyproject.toml"
    text = package.read_text(encoding="utf-8")
    after = text.replace('[project]\nname = "app"', f'[project]\nname = "{project.name}"', 1)
    rewrite(root, package, text, after)
    for command in STYLE:
        subprocess.run([RUFF, *command, "."], cwd=root, check=True)
