"""`app remove`: deletes features from a checkout, and writes again what is generated from them."""

import subprocess
import sys
from pathlib import Path

import app
from app.config.settings import ConfigError
from app.devtools.code_lines import ALWAYS_PRESENT
from app.devtools.removal import blocks, citations, files, packages
from app.devtools.removal.revisions import remove_revisions
from app.feature import Features, load_features

ROOT = Path(app.__file__).parents[1]
# Documents that belong to one feature.
DOCUMENTS = {"rooms": "docs/asyncapi.yaml", "graphql": "docs/schema.graphql"}
LEFT = """\
Left to you: sentences about it in ADRs and guides, panels of Grafana, and databases that were
migrated already: their tables stay, and their version may be one that is gone. Run `make fix` and
`make check`."""


def remove(names: set[str], *, with_dependents: bool, force: bool) -> None:
    """Delete features; print what was deleted and what is left to do.

    Raises:
        ConfigError: a name is unknown or always present, another feature requires it, or the
            checkout has uncommitted changes.
    """
    removed = plan(load_features(), names, with_dependents=with_dependents)
    if not force and uncommitted(ROOT):
        raise ConfigError("The checkout has uncommitted changes: commit them, or give --force.")
    for name in removed:
        print(f"{name}: {', '.join(str(path) for path in remove_one(ROOT, name))}")
    regenerate(ROOT)
    subprocess.run([sys.executable, ".ci/locks.py", "--prune"], cwd=ROOT, check=True)
    print(LEFT)


def optional_features() -> set[str]:
    return load_features().by_name.keys() - set(ALWAYS_PRESENT)


def plan(features: Features, names: set[str], *, with_dependents: bool) -> list[str]:
    """Return the features to remove, each before those that it requires.

    Raises:
        ConfigError: as `remove`.
    """
    if unknown := names - features.by_name.keys():
        raise ConfigError(f"There is no feature {', '.join(sorted(unknown))}.")
    if always := names & set(ALWAYS_PRESENT):
        raise ConfigError(f"{', '.join(sorted(always))}: always present, other features need it.")
    dependents = {each.name for each in features if features.required_by(each.name) & names}
    if (others := dependents - names) and not with_dependents:
        raise ConfigError(
            f"{', '.join(sorted(others))} would lack it: remove those, too, or give "
            "--with-dependents."
        )
    chosen = names | dependents
    return [each.name for each in reversed([*features.by_requirement()]) if each.name in chosen]


def uncommitted(root: Path) -> bool:
    """Say whether git has changes to commit; a folder without git has none."""
    if not (root / ".git").exists():
        return False
    status = ["git", "status", "--porcelain"]
    return bool(subprocess.run(status, cwd=root, capture_output=True, check=True).stdout)


def remove_one(root: Path, name: str) -> list[Path]:
    """Delete one feature; return what was deleted or changed, relative to the root."""
    deleted = files.delete(root, name)
    deleted += [
        path.relative_to(root) for path in remove_revisions(root / "alembic/versions", name)
    ]
    if document := DOCUMENTS.get(name):
        (root / document).unlink(missing_ok=True)
        deleted.append(Path(document))
    files.unlist(root, name)
    packages.remove_extra(root, name)
    changed = blocks.cut_files(root, name)
    changed += citations.cut_files(root, deleted)
    return list(dict.fromkeys([*deleted, *changed]))


def regenerate(root: Path) -> None:
    """Write the generated documents in a new process, which does not know the removed features."""
    commands = [
        ["app.commands.cli", "openapi", "--release"],
        ["app.devtools.code_lines"],
        ["tests.authorization"],
        ["tests.features.graphql.test_schema"],
    ]
    for command in commands:
        module = root / command[0].replace(".", "/")
        if module.with_suffix(".py").exists():
            subprocess.run([sys.executable, "-m", *command], cwd=root, check=True)
