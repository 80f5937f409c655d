"""`app new project`: what is rejected, and the files of a project with a choice of features."""

import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.config.settings import ConfigError
from app.devtools.new.project import command
from app.devtools.new.project.copying import texts
from app.devtools.new.project.documents import write_secrets
from app.devtools.new.project.naming import names
from app.devtools.new.project.specification import MAX_NAME, Project
from app.devtools.removal import blocks
from app.devtools.removal.blocks import PARTS
from app.devtools.removal.selection import dependents, optional_features
from app.feature import load_features

FEATURES = load_features()
# The longest names, which must not make lines too long.
PROJECT = Project("n" * MAX_NAME, "T" * 40, f"{'D' * 74}.")
RUFF = Path(sys.executable).with_name("ruff")
# The whole repository is copied and rewritten, on a machine that may be busy.
pytestmark = pytest.mark.timeout(600)


def rejected(project: Project, folder: Path) -> str:
    with pytest.raises(ConfigError) as error:
        command.new_project(project, folder, with_dependents=False)
    return str(error.value)


class TestRejections:
    def test_folder_that_is_not_empty(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()

        assert rejected(PROJECT, tmp_path).startswith(f"{tmp_path} exists and is not empty")

    def test_folder_inside_of_the_checkout(self) -> None:
        assert "inside of this checkout" in rejected(PROJECT, command.ROOT / "new")

    # One of them; none without all optional features.
    @pytest.mark.parametrize(
        "required", [each for each in optional_features(FEATURES) if dependents(FEATURES, each)][:1]
    )
    def test_feature_that_another_requires(self, tmp_path: Path, required: str) -> None:
        project = Project("shop", "Shop", "A shop.", without=(required,))

        message = rejected(project, tmp_path / "shop")

        assert message.startswith(
            f"{required} is required by {min(dependents(FEATURES, required))}"
        )
        assert not (tmp_path / "shop").exists()

    def test_all_optional_features_are_removed_with_those_that_require_them(self) -> None:
        project = Project("shop", "Shop", "A shop.", without=(command.ALL,))

        removed = command.removed_features(project, with_dependents=False)

        assert sorted(removed) == optional_features(FEATURES)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a project without every second of the features that no other requires."""
    leaves = [name for name in optional_features(FEATURES) if not dependents(FEATURES, name)]
    root = tmp_path_factory.mktemp("project")
    command.write_sources(root, PROJECT, leaves[::2])
    write_secrets(root)
    return root


class TestSources:
    def test_contain_no_name_of_the_reference(self, root: Path) -> None:
        old = [
            name for name in names(PROJECT) if any(name in text for text in texts(root).values())
        ]

        assert old == []

    def test_contain_no_part_that_was_left_out(self, root: Path) -> None:
        marked = {
            path.relative_to(root)
            for path, text in texts(root).items()
            for part in PARTS
            if re.search(rf"^\W*(end )?feature: {part}\b", text, re.MULTILINE)
        }

        assert marked == set()
        assert not (root / "benchmarks").exists()
        assert not (root / "app/devtools/new/project").exists()

    def test_follow_the_style(self, root: Path) -> None:
        for arguments in (["check", "--quiet"], ["format", "--check", "--quiet"]):
            subprocess.run([RUFF, *arguments, "."], cwd=root, check=True)

    def test_have_documents_of_their_own(self, root: Path) -> None:
        readme = (root / "README.md").read_text("utf-8")

        assert readme.startswith(f"# {PROJECT.title}\n\n{PROJECT.description}")
        assert "## A tour in five calls\n" in readme
        assert "| `items` | " in readme
        assert "| `items` | " not in blocks.cut(readme, "items")
        assert len((root / "CHANGELOG.md").read_text("utf-8").splitlines()) < 15

    def test_have_fresh_secrets_that_only_the_owner_reads(self, root: Path) -> None:
        env = root / ".env"
        secrets = re.findall(
            r"^(?:SECRET_KEY|\w+_PASSWORD)=(\w{64})$", env.read_text(), re.MULTILINE
        )

        assert stat.S_IMODE(env.stat().st_mode) == 0o600
        assert len(secrets) == len(set(secrets)) == 4
