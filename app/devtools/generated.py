"""Generated files: documents that are written from the code."""

import subprocess
import sys
from pathlib import Path

OPENAPI = ("app.commands.cli", "openapi")
OTHERS = (
    "app.devtools.code_lines",
    "app.devtools.guide",
    "tests.authorization",
    "tests.features.graphql.test_schema",
)
# Patterns of what they write.
DOCUMENTS = (
    "README.md",
    "docs/*.json",
    "docs/*.md",
    "docs/*.yaml",
    "docs/*.graphql",
    "docs/guide/*.md",
)


def documents(root: Path) -> list[Path]:
    """Return the documents of a checkout, relative to its root."""
    found = (path for pattern in DOCUMENTS for path in root.glob(pattern))
    return [path.relative_to(root) for path in found]


def regenerate(root: Path, *, release: bool = False) -> None:
    """Write the documents in new processes, which import the code as it is now.

    Args:
        release: whether later changes are compared with the OpenAPI document as it is now.
    """
    for module, *arguments in ((*OPENAPI, *["--release"] * release), *((each,) for each in OTHERS)):
        if (root / module.replace(".", "/")).with_suffix(".py").exists():
            subprocess.run([sys.executable, "-m", module, *arguments], cwd=root, check=True)
