"""Removal of each feature that no other requires: the copy without it migrates and serves."""

import json
import shutil
from copy import deepcopy
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from app.config.settings import default_settings
from app.devtools.code_lines import ALWAYS_PRESENT
from app.devtools.removal import command
from app.feature import load_features
from app.main import create_app
from app.security.principals import ADMIN
from tests.conftest import SECRET
from tests.e2e.service import running_service

ROOT = Path(__file__).parents[1]
FEATURES = load_features()
REQUIRED = {name for feature in FEATURES for name in feature.requires}
LEAVES = sorted(FEATURES.by_name.keys() - set(ALWAYS_PRESENT) - REQUIRED)
# With `__pycache__`: modules that stay as they are would take four seconds to compile.
NOT_COPIED = shutil.ignore_patterns(".*", "images", "node_modules", "benchmarks", "tests")
# Schemas to which other features add values and members by extension modules.
EXTENDED = {"EventType", "Scope", "Totals"}
Document = dict[str, Any]


@pytest.fixture(scope="module")
def whole() -> Document:
    document: Document = json.loads((ROOT / "docs/openapi.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = tmp_path / "copy"
    shutil.copytree(ROOT, root, ignore=NOT_COPIED)
    return root


def read_document(root: Path, database_url: str) -> Document:
    """Migrate an empty database and serve, as `make run` does; return the OpenAPI document."""
    environment = {
        "ENVIRONMENT": "development",
        "DATABASE_URL": database_url,
        "SECRET_KEY": SECRET,
        # A busy machine needs long for the demo data and for the document.
        "REQUEST_TIMEOUT_SECONDS": "60",
        "DATABASE_COMMAND_TIMEOUT_SECONDS": "60",
        "DATABASE_CONNECT_TIMEOUT_SECONDS": "60",
        # Addresses in the document begin with it; the whole one has the default.
        "PUBLIC_URL": default_settings().public_url,
    }
    with running_service(root, environment, workers=1, code=root) as service:
        document: Document = service.request("GET", "/openapi.json").json()
        return document


@cache
def whole_app() -> FastAPI:
    return create_app(default_settings())


def operations_of(name: str) -> set[str]:
    """The names of the operations whose module belongs to the feature."""
    routes = [context.original_route for context in iter_route_contexts(whole_app().routes)]
    return {
        route.name
        for route in routes
        if isinstance(route, APIRoute) and name in route.endpoint.__module__.split(".")[2:]
    }


def without(name: str, whole: Document) -> Document:
    """The whole document minus the operations, tags and components of one feature."""
    gone, tags = operations_of(name), FEATURES.by_name[name].tags
    whole = without_events(name, whole)
    paths = {
        path: {method: each for method, each in methods.items() if each["operationId"] not in gone}
        for path, methods in whole["paths"].items()
    }
    rest = whole | {
        "paths": {path: methods for path, methods in paths.items() if methods},
        "tags": [tag for tag in whole["tags"] if tag["name"] not in tags],
    }
    return rest | {
        "components": referenced(rest) | {"securitySchemes": schemes_without(name, whole)}
    }


def without_events(name: str, whole: Document) -> Document:
    """The whole document minus the event types of one feature, and the webhooks it declares."""
    kept = {key: part for key, part in whole.items() if key != "webhooks"}
    if FEATURES.by_name[name].webhooks:
        return kept
    module = f"app.features.{name}.events"
    names = {*import_module(module).extension.names} if find_spec(module) else set()
    kept |= {"paths": without_members(whole["paths"], names)}
    sent = {event: each for event, each in whole.get("webhooks", {}).items() if event not in names}
    return {**kept, "webhooks": sent} if sent else kept


def without_members(node: Any, names: set[str]) -> Any:
    """Return a part of the document without some members of its discriminated unions."""
    if isinstance(node, list):
        return [without_members(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    node = {key: without_members(each, names) for key, each in node.items()}
    if mapping := node.get("discriminator", {}).get("mapping"):
        gone = {mapping.pop(name) for name in names & mapping.keys()}
        node["oneOf"] = [each for each in node["oneOf"] if each["$ref"] not in gone]
    return node


def schemes_without(name: str, whole: Document) -> Document:
    """Return the security schemes minus the scopes that no other feature declares."""
    others = {
        ADMIN,
        *(scope.name for each in FEATURES if each.name != name for scope in each.scopes),
    }
    schemes: Document = deepcopy(whole["components"]["securitySchemes"])
    flow = schemes["OAuth2"]["flows"]["password"]
    flow["scopes"] = {scope: text for scope, text in flow["scopes"].items() if scope in others}
    return schemes


def referenced(document: Document) -> Document:
    """The components to which the paths and the webhooks lead."""
    components = document["components"]
    found, texts = (
        set[tuple[str, str]](),
        [json.dumps([document["paths"], document.get("webhooks")])],
    )
    while texts:
        text = texts.pop()
        for kind in ("responses", "schemas", "parameters", "headers"):
            for key in components.get(kind, {}):
                if f'"#/components/{kind}/{key}"' in text and (kind, key) not in found:
                    found.add((kind, key))
                    texts.append(json.dumps(components[kind][key]))
    return {
        kind: {key: each for key, each in parts.items() if (kind, key) in found}
        for kind, parts in components.items()
        if kind != "securitySchemes"
    }


def is_part(part: Any, whole: Any) -> bool:
    if isinstance(part, dict):
        return all(key in whole and is_part(each, whole[key]) for key, each in part.items())
    if isinstance(part, list):
        return all(any(is_part(each, other) for other in whole) for each in part)
    return bool(part == whole)


def take_extended(document: Document) -> Document:
    schemas = document["components"]["schemas"]
    return {name: schemas.pop(name) for name in EXTENDED & schemas.keys()}


@pytest.mark.parametrize("name", LEAVES)
def test_copy_without_feature_serves_the_rest(
    name: str, whole: Document, copy: Path, empty_database: str
) -> None:
    command.remove_one(copy, name)

    rest, expected = read_document(copy, empty_database), without(name, whole)

    extended, extensible = take_extended(rest), take_extended(expected)
    assert extended.keys() == extensible.keys()
    assert is_part(extended, extensible)
    assert rest == expected
