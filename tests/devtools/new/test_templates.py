"""Templates of a resource, compared with the features that they are made after."""

import ast
import re
from pathlib import Path

import pytest

from app.devtools.new.fields import Field
from app.devtools.new.names import Names
from app.devtools.new.references import find_target
from app.devtools.new.rendering import Files, render
from app.devtools.new.resource import Resource
from app.devtools.new.specification import FieldSpec
from app.features import FEATURES

ROOT = Path(__file__).parents[3]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# By the feature whose resource the template has to give again: definitions that are the same.
SAME = {
    "items": {
        "router": (
            "router CHANGES read_item list_items create_item replace_item update_item delete_item"
        ),
        "dependencies": "get_item get_own_item ReadableItem OwnItem ItemFilters ItemPagination",
        "crud": "IS_ALIVE COLUMNS BY_ID get get_for_change list_page replace update delete",
        "models": "ALIVE",
        "scopes": "ItemWriter",
    },
    "posts": {"crud": "change delete replace update", "scopes": "PostReader PostWriter"},
    "categories": {
        "router": "router read_category",
        "dependencies": "get_category_for_change ReadableCategory AnyCategory",
        "crud": "COLUMNS BY_ID get list_page",
    },
}


def rendered(singular: str, plural: str, *, owned: bool, soft_delete: bool) -> Files:
    names = Names(singular, plural)
    fields = (Field(FieldSpec("status", "enum", ("draft", "sent")), names),)
    owner = find_target(ROOT, "users") if owned else None
    return render(Resource(names, fields, owner, soft_delete), "016_new", "015_old")


GENERATED = {
    "items": rendered("item", "items", owned=True, soft_delete=True),
    "posts": rendered("post", "posts", owned=True, soft_delete=False),
    "categories": rendered("category", "categories", owned=False, soft_delete=False),
}


def definitions(source: str) -> dict[str, str]:
    """Return the source of functions, classes and constants, without what is said about them."""
    found = {}
    for node in ast.parse(source).body:
        if isinstance(node, FUNCTIONS):
            found[node.name] = ast.unparse(without_texts(node))
        elif isinstance(node, ast.Assign):
            found[ast.unparse(node.targets[0])] = ast.unparse(node.value)
    return found


def without_texts(node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
    if ast.get_docstring(node):
        node.body = node.body[1:]
    return node


@pytest.mark.parametrize(
    ("feature", "module", "name"),
    [
        (feature, module, name)
        for feature, modules in SAME.items()
        if feature in FEATURES
        for module, names in modules.items()
        for name in names.split()
    ],
)
def test_definition_is_that_of_the_feature(feature: str, module: str, name: str) -> None:
    path = Path(f"app/features/{feature}/{module}.py")
    generated = definitions(GENERATED[feature][path])
    real = definitions((ROOT / path).read_text(encoding="utf-8"))

    assert comparable(generated[name]) == comparable(real[name])


def comparable(source: str) -> str:
    """Return the source without the type of a path parameter, which only describes it."""
    return re.sub(r"(\w+_id): [\w.]+", r"\1", source)


def test_functions_are_in_the_order_of_items() -> None:
    path = Path("app/features/items/router.py")
    generated = definitions(GENERATED["items"][path])
    real = definitions((ROOT / path).read_text(encoding="utf-8"))

    assert [name for name in real if name in generated] == list(generated)
