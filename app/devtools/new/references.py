"""References: the table, the model and the test factory of the feature that a field refers to."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from app.devtools.new.names import snake_case, words

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Target:
    """A model that a foreign key refers to, and the call that stores a row of it in a test."""

    feature: str
    module: str
    model: str
    factories: str = ""
    factory: str = ""
    stored: str = ""

    @property
    def singular(self) -> str:
        return snake_case(self.model)

    @property
    def noun(self) -> str:
        return words(self.singular)


def find_target(root: Path, feature: str) -> Target | None:
    """Return the model whose table is named after its feature, or None if there is none."""
    folder = root / "app/features" / feature
    for path in [folder / "models.py", *sorted((folder / "models").glob("*.py"))]:
        for node in classes(path):
            if table_of(node) == feature:
                module = path.relative_to(root).with_suffix("").as_posix().replace("/", ".")
                return with_factory(root, Target(feature, module, node.name))
    return None


def classes(path: Path) -> Iterator[ast.ClassDef]:
    if path.exists():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        yield from (node for node in body if isinstance(node, ast.ClassDef))


def table_of(node: ast.ClassDef) -> str:
    for each in node.body:
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__tablename__":
            return str(ast.literal_eval(each.value))
    return ""


def with_factory(root: Path, target: Target) -> Target:
    """Return the target with the factory of its rows, if the tests have one that takes a user."""
    for name in ("factories", f"features.{target.feature}.factories"):
        path = root / "tests" / f"{name.replace('.', '/')}.py"
        for function in functions(path):
            call = CALLS.get((function.name.partition("_")[0], signature(function)))
            if call and function.name.partition("_")[2] == target.singular:
                return Target(
                    target.feature,
                    target.module,
                    target.model,
                    f"tests.{name}",
                    function.name,
                    call.format(name=function.name),
                )
    return target


# By the verb and the parameters of a factory.
CALLS = {
    ("save", ("Save", "User")): "{name}(save, owner)",
    ("make", ("User",)): "save({name}(owner))",
    ("make", ()): "save({name}())",
}


def functions(path: Path) -> Iterator[Function]:
    if path.exists():
        body = ast.parse(path.read_text(encoding="utf-8")).body
        yield from (node for node in body if isinstance(node, Function))


def signature(function: Function) -> tuple[str, ...]:
    """Return the types of the parameters without a default."""
    given = function.args.args[: len(function.args.args) - len(function.args.defaults)]
    return tuple(ast.unparse(each.annotation) for each in given if each.annotation)
