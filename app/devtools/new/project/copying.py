"""Copy of this repository: the files that git knows or would add."""

import shutil
import subprocess
from pathlib import Path

LIST = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
# Without git, as in an unpacked archive.
IGNORED = (
    ".*_cache",
    ".venv",
    ".data",
    ".env",
    ".cache",
    ".hypothesis",
    "__pycache__",
    "*.egg-info",
)


def copy(source: Path, target: Path) -> None:
    if not (source / ".git").exists():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns(*IGNORED), dirs_exist_ok=True)
        return
    listed = subprocess.run(LIST, cwd=source, capture_output=True, text=True, check=True)
    for name in filter(None, listed.stdout.split("\0")):
        if (source / name).is_file():  # It may be deleted and not committed.
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, target / name)


def texts(root: Path) -> dict[Path, str]:
    """Return the content of all text files, those of git itself left out."""
    found = {}
    for path in sorted(root.rglob("*")):
        if path.is_file() and not {".git", "__pycache__"} & {*path.relative_to(root).parts}:
            try:
                found[path] = path.read_bytes().decode()
            except UnicodeDecodeError:
                continue
    return found


def rewrite(root: Path, path: Path, before: str, after: str) -> list[Path]:
    """Write a changed text; return its path relative to the root, or nothing."""
    if before == after:
        return []
    path.write_bytes(after.encode())
    return [path.relative_to(root)]
