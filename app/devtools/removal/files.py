"""Files of a feature: its folders, and what bears its name, documents and configuration."""

import shutil
from collections.abc import Iterator
from pathlib import Path

FOLDERS = ("app/features", "tests", "benchmarks")
# Of the tree, whatever a feature is called.
IGNORED = {"__pycache__", "peers"}
# Documents, pictures and configuration of one feature.
OTHER_FILES = {
    "dashboard": ["docs/images/dashboard-*.png"],
    "graphql": ["docs/*graphql*"],
    "prometheus": ["deploy/observability", "deploy/kubernetes/base/*-monitor.yaml"],
    "rooms": ["docs/asyncapi.yaml"],
    "streams": ["docs/live.md"],
    "webhooks": ["docs/webhooks.md"],
}
FEATURES = Path("app/features/__init__.py")


def delete(root: Path, feature: str) -> list[Path]:
    """Delete the files of a feature; return the topmost paths, relative to the root."""
    paths = [path for folder in FOLDERS for path in named_after(root / folder, feature)]
    for pattern in OTHER_FILES.get(feature, ()):
        paths += sorted(root.glob(pattern))
    for path in paths:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return [path.relative_to(root) for path in paths]


def named_after(folder: Path, feature: str) -> Iterator[Path]:
    """Iterate over `NAME/`, `NAME.*` and `test_NAME.py` at any depth."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.stem.removeprefix("test_") == feature:
            yield path
        elif path.is_dir() and path.name not in IGNORED:
            yield from named_after(path, feature)


def unlist(root: Path, feature: str) -> list[Path]:
    """Delete the line of a feature in FEATURES; return its module."""
    module = root / FEATURES
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace(f'    "{feature}",\n', "", 1), encoding="utf-8")
    return [FEATURES]
