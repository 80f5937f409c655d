"""Declarations of the features, compared with their code."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.db.base import Base
from app.devtools.code_lines import ALWAYS_PRESENT
from app.feature import Feature, FeatureError, Features, load_features, load_models
from app.security.permissions import EVERY_ROLE, Scope
from app.security.principals import Role

ROOT = Path(__file__).parents[1]
FEATURES = load_features()
NAMES = sorted(FEATURES.by_name)


READ = Scope("parcels:read", "Read parcels.", EVERY_ROLE)


class TestDeclarations:
    def test_missing_requirement_is_named(self) -> None:
        with pytest.raises(FeatureError, match="not in FEATURES: events"):
            Features([Feature(name="webhooks", requires=("events",))])

    def test_circular_requirements_are_named(self) -> None:
        with pytest.raises(FeatureError, match="require one another"):
            Features([Feature(name="a", requires=("b",)), Feature(name="b", requires=("a",))])

    def test_tag_of_two_features_is_rejected(self) -> None:
        features = [Feature(name=name, tags={"items": "Items."}) for name in ("a", "b")]

        with pytest.raises(FeatureError, match="same tag: items"):
            Features(features)

    def test_scope_of_two_features_is_accepted_if_it_is_the_same(self) -> None:
        features = [Feature(name=name, scopes=(READ,)) for name in ("a", "b")]

        assert list(Features(features).permissions.descriptions) == ["parcels:read", "admin"]

    def test_scope_with_two_meanings_is_rejected(self) -> None:
        scopes = (READ, replace(READ, roles=frozenset({Role.ADMIN})))
        features = [Feature(name=f"f{n}", scopes=(scope,)) for n, scope in enumerate(scopes)]

        with pytest.raises(FeatureError, match="same scope: parcels:read"):
            Features(features)

    def test_feature_without_extension_module_extends_nothing(self) -> None:
        assert Features([Feature(name="items")]).extensions("no_such_feature", object) == []

    def test_extension_module_without_an_extension_is_rejected(self) -> None:
        features = Features([Feature(name="items")])

        with pytest.raises(FeatureError, match=r"items\.crud must be of type Scope"):
            features.extensions("crud", Scope)

    def test_requirements_are_transitive(self) -> None:
        features = Features(
            [
                Feature(name="webhooks", requires=("events",)),
                Feature(name="events", requires=("audit",)),
                Feature(name="audit"),
            ]
        )

        assert features.required_by("webhooks") == {"events", "audit"}

    def test_every_folder_is_enabled(self) -> None:
        folders = {path.parent.name for path in (ROOT / "app/features").glob("*/feature.py")}

        assert folders == set(NAMES)


def imports(name: str) -> Iterator[tuple[str, str]]:
    """Each module of a feature with the feature of each of its imports.

    A module that is named after another feature belongs to both.
    """
    for path in (ROOT / "app/features" / name).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                parts = node.module.split(".")
                if parts[:2] == ["app", "features"]:
                    targets = parts[2:3] or [alias.name for alias in node.names]
                    yield from ((path.stem, target) for target in targets)


def allowed(name: str, module: str) -> set[str]:
    owners = {name, module} & set(NAMES)
    always = set(ALWAYS_PRESENT) if len(owners) > 1 else set()
    return owners.union(always, *(FEATURES.required_by(each) for each in owners))


class TestImports:
    @pytest.mark.parametrize("name", NAMES)
    def test_are_of_required_features(self, name: str) -> None:
        found = {(name, to) for module, to in imports(name) if to not in allowed(name, module)}

        assert found == set()


def extension_imports() -> Iterator[tuple[str, str]]:
    """Each import of an extension module by a module that stays when the extended one goes."""
    for path in (ROOT / "app").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module:
                for each in (node.module, *(f"{node.module}.{a.name}" for a in node.names)):
                    if (of := extended(each)) and of not in {path.stem, path.parent.name}:
                        yield str(path.relative_to(ROOT)), each


def extended(module: str) -> str | None:
    """Return the feature that an extension module is named after."""
    parts = module.split(".")
    is_extension = parts[:2] == ["app", "features"] and len(parts) == 4 and parts[2] != parts[3]
    return parts[3] if is_extension and parts[3] in NAMES else None


class TestExtensionModules:
    def test_are_imported_by_extension_modules_alone(self) -> None:
        assert list(extension_imports()) == []

    def test_are_found_by_their_names(self) -> None:
        assert extended("app.features.items.mail") == "mail"
        assert extended("app.features.items.crud") is None
        assert extended("app.features.mail.mail") is None


def owner(module: str) -> str:
    parts = module.split(".")
    return parts[2] if parts[1] == "features" else "the kernel"


class TestForeignKeys:
    def test_are_to_required_features(self) -> None:
        load_models()
        owners = {
            str(mapper.local_table): owner(mapper.class_.__module__)
            for mapper in Base.registry.mappers
        }
        found = {
            (owners[table.name], owners[key.column.table.name])
            for table in Base.metadata.sorted_tables
            for key in table.foreign_keys
        }

        assert {(a, b) for a, b in found if a != b and not is_required(a, b)} == set()


def is_required(name: str, by: str) -> bool:
    return name in FEATURES.by_name and by in FEATURES.required_by(name)


def features_of(module: str) -> set[str]:
    """The optional features that a module belongs to, by its folders and its name."""
    parts = {part.removeprefix("test_") for part in module.split(".")[1:]}
    return parts & (set(NAMES) - set(ALWAYS_PRESENT))


def imported_modules(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


class TestTests:
    """Tests of the kernel and of what is always present stay when all optional features go."""

    def test_import_optional_features_only_beside_them(self) -> None:
        folders = (ROOT / "tests", ROOT / "benchmarks")
        paths = {path for folder in folders for path in folder.rglob("*.py")}
        modules = {path: path.relative_to(ROOT).with_suffix("").as_posix() for path in paths}
        found = {
            (modules[path], name)
            for path in paths
            if not features_of(modules[path].replace("/", "."))
            for name in imported_modules(path)
            if name.startswith(("app.features.", "tests.features."))
            and features_of(".".join(name.split(".")[1:4]))
        }

        assert found == set()

    def test_of_optional_features_import_those_of_required_features(self) -> None:
        found = {
            (path.relative_to(ROOT).as_posix(), name)
            for folder in ("tests", "benchmarks")
            for path in (ROOT / folder).rglob("*.py")
            if (owners := features_of(".".join(path.relative_to(ROOT).with_suffix("").parts)))
            for name in imported_modules(path)
            if name.startswith(("tests.", "benchmarks."))
            and not features_of(name) <= owners.union(*map(FEATURES.required_by, owners))
        }

        assert found == set()
