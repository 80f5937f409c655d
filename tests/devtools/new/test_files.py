"""Files of a generated resource: edited lines, and all or none written."""

from pathlib import Path

import pytest

from app.devtools.new.files import all_or_nothing, with_entry, with_feature, write
from app.devtools.removal.files import unlist

FEATURES = 'FEATURES = (\n    "items",\n    "users",\n)\n\n\ndef f() -> None: ...\n'
ENTRY = "- Invoices.\n"


class TestFeatures:
    def test_name_becomes_the_last_one(self) -> None:
        assert with_feature(FEATURES, "invoices") == FEATURES.replace(
            '"users",\n', '"users",\n    "invoices",\n'
        )

    def test_removal_undoes_it(self, tmp_path: Path) -> None:
        module = Path("app/features/__init__.py")
        write(tmp_path, {module: with_feature(FEATURES, "invoices")})

        unlist(tmp_path, "invoices")

        assert (tmp_path / module).read_text("utf-8") == FEATURES


RELEASED = "## [1.0]\n\n### Added\n\n- A.\n"
UNRELEASED = "## [Unreleased]\n\n"
ADDED = "### Added\n\n- B.\n"
FIXED = "\n### Fixed\n\n- C.\n"


class TestChangelog:
    @pytest.mark.parametrize(
        ("before", "after"),
        [
            (f"{UNRELEASED}{ADDED}", f"{UNRELEASED}{ADDED}{ENTRY}"),
            (f"{UNRELEASED}{ADDED}{FIXED}", f"{UNRELEASED}{ADDED}{ENTRY}{FIXED}"),
            (f"{UNRELEASED}{ADDED}\n{RELEASED}", f"{UNRELEASED}{ADDED}{ENTRY}\n{RELEASED}"),
            (f"{UNRELEASED}{RELEASED}", f"{UNRELEASED}### Added\n\n{ENTRY}\n{RELEASED}"),
        ],
    )
    def test_entry_is_the_last_of_the_next_release(self, before: str, after: str) -> None:
        assert with_entry(before, ENTRY) == after


def interrupted(root: Path, files: dict[Path, str]) -> None:
    with all_or_nothing(root, files):
        write(root, files)
        raise KeyboardInterrupt


class TestAllOrNothing:
    def test_error_restores_what_was_there(self, tmp_path: Path) -> None:
        write(tmp_path, {Path("a.md"): "before"})
        files = {Path("a.md"): "after", Path("new/b.py"): "after"}

        with pytest.raises(KeyboardInterrupt):
            interrupted(tmp_path, files)

        assert [path.name for path in tmp_path.rglob("*")] == ["a.md"]
        assert (tmp_path / "a.md").read_text("utf-8") == "before"

    def test_without_an_error_everything_is_written(self, tmp_path: Path) -> None:
        files = {Path("new/b.py"): "after"}

        with all_or_nothing(tmp_path, files):
            write(tmp_path, files)

        assert (tmp_path / "new/b.py").read_text("utf-8") == "after"
