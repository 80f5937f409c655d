"""Changes of the OpenAPI document that break clients."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.devtools.compatibility import breaking_changes

Document = dict[str, Any]
Change = Callable[[Document], object]
ITEMS = "/api/v1/items"
ITEM = "/api/v1/items/{item_id}"


@pytest.fixture(scope="module")
def released() -> Document:
    document: Document = json.loads(Path("docs/openapi.json").read_text("utf-8"))
    return document


def schemas(document: Document) -> Document:
    found: Document = document["components"]["schemas"]
    return found


def require(document: Document, schema: str, field: str) -> None:
    schemas(document)[schema]["required"].append(field)


BREAKS: dict[str, tuple[Change, str]] = {
    "operation": (lambda new: new["paths"][ITEM].pop("put"), "PUT /api/v1/items/{item_id}: the op"),
    "path": (lambda new: new["paths"].pop(ITEM), "GET /api/v1/items/{item_id}: the operation is"),
    "parameter": (
        lambda new: new["paths"][ITEMS]["get"].update(parameters=[]),
        "GET /api/v1/items: the query parameter limit is gone.",
    ),
    "request field": (
        lambda new: schemas(new)["ItemCreate"]["properties"].pop("tags"),
        "POST /api/v1/items: the body may no longer have tags.",
    ),
    "required field": (
        lambda new: require(new, "ItemCreate", "description"),
        "POST /api/v1/items: the body must now have description.",
    ),
    "response field": (
        lambda new: schemas(new)["ItemRead"]["properties"].pop("owner_id"),
        "GET /api/v1/items: the answer no longer has items[].owner_id.",
    ),
}
ADDITIONS: dict[str, Change] = {
    "nothing": lambda new: new,
    "operation": lambda new: new["paths"].update({"/api/v1/new": new["paths"][ITEMS]}),
    "optional field": lambda new: schemas(new)["ItemCreate"]["properties"].update(
        colour={"type": "string"}
    ),
    "case of a header field": lambda new: [
        each.update(name=each["name"].swapcase())
        for each in new["paths"][ITEM]["put"]["parameters"]
        if each["in"] == "header"
    ],
    "version 2": lambda new: [
        new["paths"].pop(path) for path in list(new["paths"]) if "v2" in path
    ],
}


class TestBreakingChanges:
    @pytest.mark.parametrize(("change", "sentence"), BREAKS.values(), ids=BREAKS)
    def test_breaking_change_is_named(
        self, released: Document, change: Change, sentence: str
    ) -> None:
        new = copy.deepcopy(released)
        change(new)

        changes = breaking_changes(released, new, prefix="/api/v1/")

        assert any(each.startswith(sentence) for each in changes), changes

    @pytest.mark.parametrize("change", ADDITIONS.values(), ids=ADDITIONS)
    def test_addition_is_accepted(self, released: Document, change: Change) -> None:
        new = copy.deepcopy(released)
        change(new)

        assert breaking_changes(released, new, prefix="/api/v1/") == []
