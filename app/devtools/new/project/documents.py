"""Documents of a new project that are its own: README, CHANGELOG, and `.env` with fresh secrets."""

import ast
import re
import secrets
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from app.devtools.new.project.specification import Project
from app.devtools.removal.files import FEATURES

TEMPLATES_OF_PROJECTS = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=False,  # noqa: S701  (Markdown)
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
TOUR = re.compile(r"^## A tour in five calls\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
# Secrets of the deployment; other variables without a value switch something off.
SECRET = re.compile(r"^(?:# )?(SECRET_KEY|\w+_PASSWORD)=$", re.MULTILINE)
BYTES = 32


def write_documents(root: Path, project: Project) -> None:
    """Write README and CHANGELOG; the calls of the README are those of this repository."""
    tour = TOUR.search((root / "README.md").read_text(encoding="utf-8"))
    values = {
        "project": project,
        "features": features(root),
        "tour": tour[0].strip() if tour else "",
        "has_benchmarks": "benchmarks" in project.kept_parts,
    }
    for name in ("README.md", "CHANGELOG.md"):
        text = TEMPLATES_OF_PROJECTS.get_template(f"{name}.tmpl").render(values)
        (root / name).write_text(text, encoding="utf-8")


def features(root: Path) -> list[tuple[str, str]]:
    """Return the features, each with the first line of its declaration."""
    listed = re.findall(
        r'^    "(\w+)",$', (root / FEATURES).read_text(encoding="utf-8"), re.MULTILINE
    )
    return sorted((name, purpose(root / FEATURES.parent / name / "feature.py")) for name in listed)


def purpose(path: Path) -> str:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0].removesuffix(".")


def write_secrets(root: Path) -> None:
    """Write `.env`, which only its owner can read, with a new value for each secret."""
    example = (root / ".env.example").read_text(encoding="utf-8")
    env = root / ".env"
    env.touch(mode=0o600)
    env.write_text(
        SECRET.sub(lambda line: f"{line[1]}={secrets.token_hex(BYTES)}", example), encoding="utf-8"
    )
