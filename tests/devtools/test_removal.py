"""Removal of features: what is rejected, and what happens to files, blocks and migrations."""

import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
import typer

from app.config.settings import ConfigError
from app.devtools.removal import blocks, citations, files, packages
from app.devtools.removal.command import check_committed
from app.devtools.removal.revisions import read_revision, remove_revisions
from app.devtools.removal.selection import dependents, optional_features, select
from app.feature import Feature, Features, load_features

ROOT = Path(__file__).parents[2]
FEATURES = Features(
    [
        Feature(name="users"),
        Feature(name="audit"),
        Feature(name="events", requires=("audit", "users")),
        Feature(name="webhooks", requires=("events",)),
        Feature(name="posts", requires=("users",)),
    ]
)


def rejected(names: set[str], *, with_dependents: bool = False) -> str:
    with pytest.raises(ConfigError) as error:
        select(FEATURES, names, with_dependents=with_dependents)
    return str(error.value)


class TestSelection:
    def test_dependents_go_first(self) -> None:
        selected = select(FEATURES, {"audit"}, with_dependents=True)

        assert selected == ["webhooks", "events", "audit"]

    def test_dependents_that_are_named_are_no_obstacle(self) -> None:
        selected = select(FEATURES, {"events", "webhooks"}, with_dependents=False)

        assert selected == ["webhooks", "events"]

    def test_requirement_of_another_feature_is_rejected(self) -> None:
        assert rejected({"audit", "events"}).splitlines() == [
            "audit is required by webhooks: name it, too, or give --with-dependents.",
            "events is required by webhooks: name it, too, or give --with-dependents.",
        ]

    def test_always_present_feature_is_rejected(self) -> None:
        message = rejected({"users", "posts"}, with_dependents=True)

        assert message.startswith("users is always present")

    def test_unknown_feature_is_rejected_with_a_similar_name(self) -> None:
        assert rejected({"webhook"}).startswith("There is no feature webhook. Is it webhooks?\n")

    def test_every_mistake_is_named(self) -> None:
        lines = rejected({"users", "blog", "comments"}).splitlines()

        assert [line.split()[-1] for line in lines[:2]] == ["blog.", "comments."]
        assert lines[2].startswith("users")

    def test_without_a_name_the_optional_features_are_listed(self) -> None:
        assert rejected(set()).splitlines()[1:] == [
            "Optional features:",
            "  audit (required by events, webhooks)",
            "  events (required by webhooks)",
            "  posts",
            "  webhooks",
        ]

    def test_without_optional_features_none_is_left(self) -> None:
        with pytest.raises(ConfigError, match="No optional feature is left"):
            select(Features([Feature(name="users")]), set(), with_dependents=False)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


class TestUncommittedChanges:
    def test_are_named(self, checkout: Path) -> None:
        write(checkout, "a.py", "b.py", "c.py", "d.py")

        with pytest.raises(ConfigError, match=r"\(a.py, b.py, c.py, ...\).*--force"):
            check_committed(checkout)

    def test_none_are_no_obstacle(self, checkout: Path) -> None:
        check_committed(checkout)

    def test_cannot_exist_without_git(self, tmp_path: Path) -> None:
        write(tmp_path, "a.py")

        check_committed(tmp_path)


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("", encoding="utf-8")


class TestFiles:
    def test_folders_and_modules_of_the_name_are_deleted_at_any_depth(self, tmp_path: Path) -> None:
        stays = ["app/features/items/crud.py", "tests/features/items/test_events_of_items.py"]
        goes = [
            "app/features/events/crud/events.py",
            "app/features/items/events.py",
            "benchmarks/events.py",
            "tests/e2e/test_events.py",
            "tests/features/events/test_router.py",
        ]
        write(tmp_path, *stays, *goes, "app/db/events.py")

        files.delete(tmp_path, "events")

        left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.py")}
        assert left == {*stays, "app/db/events.py"}


BLOCKS = """\
DEBUG=false
# feature: webhooks
WEBHOOKS_PER_USER=20
# end feature: webhooks
"httpcore",  # feature: http_client
# feature: rooms
SOCKETS_PER_USER=5
# end feature: rooms
"""


class TestBlocks:
    def test_blocks_and_lines_of_the_feature_are_cut(self) -> None:
        rest = blocks.cut(blocks.cut(BLOCKS, "webhooks"), "http_client")

        assert rest.splitlines() == [
            "DEBUG=false",
            "# feature: rooms",
            "SOCKETS_PER_USER=5",
            "# end feature: rooms",
        ]

    @pytest.mark.parametrize(
        ("first", "last"),
        [
            ("    # feature: rooms", "    # end feature: rooms"),
            ("<!-- feature: rooms -->", "<!-- end feature: rooms -->"),
            ("# --- feature: rooms -----", "# --- end feature: rooms"),
        ],
    )
    def test_comment_of_each_language_is_known(self, first: str, last: str) -> None:
        assert blocks.cut(f"a\n{first}\nb\n{last}\nc\n", "rooms") == "a\nc\n"

    @pytest.mark.parametrize("feature", ["events", "graphql"])
    def test_what_needs_two_features_is_cut_with_either(self, feature: str) -> None:
        text = "| a |\n| b <!-- feature: events, graphql --> |\n"

        assert blocks.cut(text, feature) == "| a |\n"
        assert blocks.cut(text, "rooms") == text
        assert blocks.names(text) == {"events", "graphql"}

    @pytest.mark.parametrize("feature", ["benchmarks", "rooms"])
    def test_line_of_a_feature_inside_a_block_is_cut_with_either(self, feature: str) -> None:
        text = "# feature: benchmarks\na\nb # feature: rooms\n# end feature: benchmarks\n"

        assert "b" not in blocks.cut(text, feature).split()

    def test_row_of_a_table_is_cut(self) -> None:
        assert blocks.cut("| a |\n| b <!-- feature: rooms --> |\n", "rooms") == "| a |\n"

    @pytest.mark.parametrize(
        "text",
        [
            "# feature: rooms\na\n",
            "a\n# end feature: rooms\n",
            "# feature: rooms\n# end feature: posts\n",
            "# feature: rooms\n# feature: posts\n",
        ],
    )
    def test_unpaired_block_is_an_error(self, text: str) -> None:
        with pytest.raises(blocks.UnpairedBlock):
            blocks.cut(text, "rooms")

    @pytest.mark.parametrize(
        "path", blocks.files(ROOT), ids=lambda path: path.relative_to(ROOT).as_posix()
    )
    def test_blocks_are_paired_and_name_features(self, path: Path) -> None:
        known = {*load_features().by_name, *blocks.PARTS}
        assert blocks.names(path.read_text("utf-8")) <= known


class TestDocuments:
    @pytest.mark.parametrize("name", optional_features(load_features()))
    def test_name_settings_commands_and_modules_of_a_feature_in_its_blocks(self, name: str) -> None:
        removed = {name, *dependents(load_features(), name)}
        names = re.compile("|".join(name for each in removed for name in names_of(each)))
        left = {path: without(path, removed) for path in left_files(removed)}

        assert [
            f"{path.relative_to(ROOT)}: {line}"
            for path, text in left.items()
            for line in text.splitlines()
            if names.search(line)
        ] == []


def names_of(feature: str) -> Iterator[str]:
    """Patterns for the settings, the commands and the modules of a feature."""
    yield rf"app/features/{feature}/"
    if find_spec(f"app.features.{feature}.settings"):
        group = import_module(f"app.features.{feature}.settings").group
        yield from (rf"\b{name.upper()}\b" for name in group.model_fields)
    if find_spec(f"app.features.{feature}.cli"):
        db = typer.Typer()
        import_module(f"app.features.{feature}.cli").register(typer.Typer(), db)
        yield from (rf"\bdb {command.name}\b" for command in db.registered_commands)


def without(path: Path, removed: set[str]) -> str:
    text = path.read_text("utf-8")
    for name in {*removed, *blocks.PARTS}:
        text = blocks.cut(text, name)
    modules = [f"app/features/{name}" for name in removed]
    return citations.cut_constants(text, modules)


def left_files(removed: set[str]) -> Iterator[Path]:
    """The files with blocks, but for those of removed features."""
    patterns = [pattern for name in removed for pattern in files.OTHER_FILES.get(name, ())]
    deleted = {path for pattern in patterns for path in ROOT.glob(pattern)}
    # A changelog has a history, and the guide of contributors an example that does not exist.
    deleted |= {ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"}
    yield from (path for path in blocks.files(ROOT) if deleted.isdisjoint({path, *path.parents}))


class TestCitations:
    def test_deleted_files_are_cut_from_lists(self) -> None:
        text = "| P5 | `tests/a/test_b.py`, `tests/rooms/test_c.py::TestRoom`, `tests/d.py` |"

        cut = citations.cut(text, ["tests/rooms"])

        assert cut == "| P5 | `tests/a/test_b.py`, `tests/d.py` |"
        assert citations.cut("see `tests/rooms/a.py` and `tests/d.py`.", ["tests/rooms"]) == (
            "see `tests/d.py`."
        )

    def test_only_emptied_cells_of_tables_say_none(self, tmp_path: Path) -> None:
        write(tmp_path, "Makefile", "README.md")
        row = "| P1 |  | `tests/rooms/a.py`, `make drill-rooms ARGS=-v` | `make drill-rooms` | |\n"
        (tmp_path / "README.md").write_text(row + "|  |\n", encoding="utf-8")

        changed = citations.cut_files(tmp_path, [Path("tests/rooms")])

        assert changed == [Path("README.md")]
        assert (tmp_path / "README.md").read_text("utf-8") == "| P1 |  | none | none | |\n|  |\n"


EXTRAS = "[project.optional-dependencies]\n"


class TestPackages:
    def test_extra_of_the_feature_is_cut(self) -> None:
        extras = (
            '[project.optional-dependencies]\nfiles = ["obstore"]\nredis = ["redis[hiredis]"]\n'
        )

        assert packages.cut_extra(extras, "redis") == (
            '[project.optional-dependencies]\nfiles = ["obstore"]\n'
        )

    def test_extra_of_several_lines_is_cut(self) -> None:
        extras = (
            '[project.optional-dependencies]\nfiles = [\n    "obstore",\n]\n[tool.x]\nfiles = 1\n'
        )

        assert packages.cut_extra(extras, "files") == (
            "[project.optional-dependencies]\n[tool.x]\nfiles = 1\n"
        )


REVISION = """\
revision: str = "{name}"
down_revision: str | None = {parent}
feature = "{feature}"
"""


@pytest.fixture
def revisions(tmp_path: Path) -> Path:
    """Four migrations, of which the second and the third belong to one feature."""
    chain = {"kernel": None, "events": "kernel", "later_events": "events", "rooms": "later_events"}
    for name, parent in chain.items():
        text = REVISION.format(
            name=name, parent=f'"{parent}"' if parent else None, feature=name.rpartition("_")[2]
        )
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    return tmp_path


class TestRevisions:
    def test_successor_follows_the_predecessor(self, revisions: Path) -> None:
        remove_revisions(revisions, "events")

        left = [read_revision(path) for path in sorted(revisions.glob("*.py"))]
        assert [(each.name, each.parent) for each in left] == [
            ("kernel", None),
            ("rooms", "kernel"),
        ]

    def test_last_migration_leaves_the_others_alone(self, revisions: Path) -> None:
        before = (revisions / "events.py").read_text("utf-8")

        assert remove_revisions(revisions, "rooms") == [revisions / "rooms.py"]
        assert (revisions / "events.py").read_text("utf-8") == before

    def test_feature_without_migration_changes_nothing(self, revisions: Path) -> None:
        assert remove_revisions(revisions, "mail") == []
        assert len([*revisions.glob("*.py")]) == 4

    def test_migrations_form_one_chain_of_known_features(self) -> None:
        found = [read_revision(path) for path in (ROOT / "alembic/versions").glob("*.py")]

        known = {*load_features().by_name, "kernel"}
        assert {each.feature for each in found} <= known
        assert len({each.parent for each in found}) == len(found)
