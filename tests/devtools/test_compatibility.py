"""Breaking changes of OpenAPI documents: each kind of change, and whether it breaks clients."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.devtools.compatibility import breaking_changes

Document = dict[str, Any]
Change = Callable[[Document], object]
PATH = "/api/v1/things/{thing_id}"

RELEASED: Document = {
    "openapi": "3.1.0",
    "security": [{"Token": ["read"]}],
    "paths": {
        PATH: {
            "get": {"responses": {"200": {"description": "OK"}}, "security": []},
            "put": {
                "parameters": [
                    {
                        "name": "thing_id",
                        "in": "path",
                        "required": True,
                        "schema": {"type": "string"},
                    },
                    {
                        "name": "limit",
                        "in": "query",
                        "style": "form",
                        "schema": {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
                    },
                    {"name": "If-Match", "in": "header", "schema": {"type": "string"}},
                    {"$ref": "#/components/parameters/Sort"},
                ],
                "requestBody": {
                    "content": {
                        "application/json": {"schema": {"$ref": "#/components/schemas/Write"}},
                        "text/csv": {"schema": {"type": "string"}},
                    }
                },
                "responses": {
                    "200": {
                        "headers": {
                            "ETag": {"required": True, "schema": {"type": "string", "maxLength": 9}}
                        },
                        "content": {
                            "application/json": {"schema": {"$ref": "#/components/schemas/Read"}},
                            "text/csv": {"schema": {"type": "string"}},
                        },
                    },
                    "404": {"content": {"application/json": {"schema": {"type": "object"}}}},
                },
            },
        }
    },
    "components": {
        "parameters": {
            "Sort": {"name": "sort", "in": "query", "schema": {"enum": ["name", "price"]}}
        },
        "securitySchemes": {
            "Token": {"type": "http", "scheme": "bearer"},
            "Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
        },
        "schemas": {
            "Animal": {
                "oneOf": [
                    {"$ref": "#/components/schemas/Cat"},
                    {"$ref": "#/components/schemas/Dog"},
                ],
                "discriminator": {"propertyName": "kind", "mapping": {"cat": "Cat", "dog": "Dog"}},
            },
            "Cat": {
                "type": "object",
                "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer"}},
                "required": ["kind"],
            },
            "Dog": {
                "type": "object",
                "properties": {"kind": {"const": "dog"}, "kittens": {"type": "boolean"}},
                "required": ["kind"],
            },
            "Tree": {
                "type": "object",
                "properties": {
                    "label": {"type": "string", "maxLength": 10},
                    "below": {"type": "array", "items": {"$ref": "#/components/schemas/Tree"}},
                },
            },
        },
    },
}
FIELDS: Document = {
    "name": {"type": "string", "minLength": 2, "maxLength": 50, "pattern": "^[a-z]+$"},
    "colour": {"type": "string", "enum": ["red", "blue"]},
    "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "multipleOf": 2},
    "count": {"type": "integer", "minimum": 0, "default": 1},
    "bought": {"type": "string", "format": "date"},
    "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    "page": {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]},
    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 5},
    "labels": {"type": "object", "additionalProperties": {"type": "integer"}},
    "animal": {"$ref": "#/components/schemas/Animal"},
    "tree": {"$ref": "#/components/schemas/Tree"},
}
for name in ("Write", "Read"):
    RELEASED["components"]["schemas"][name] = {
        "type": "object",
        "properties": copy.deepcopy(FIELDS),
        "required": ["name"],
        "additionalProperties": name == "Read",
    }


def operation(document: Document) -> Document:
    found: Document = document["paths"][PATH]["put"]
    return found


def schema(document: Document, name: str) -> Document:
    found: Document = document["components"]["schemas"][name]
    return found


def parameter(**changes: Any) -> Change:
    return lambda new: operation(new)["parameters"][1].update(changes)


def fields(side: str, **changes: Any) -> Change:
    """Replace fields of the request ("Write") or the response ("Read"); None removes one."""

    def change(new: Document) -> None:
        properties = schema(new, side)["properties"]
        properties.update(changes)
        for name in [name for name, field in changes.items() if field is None]:
            del properties[name]

    return change


def keywords(side: str, name: str, **changes: Any) -> Change:
    return fields(side, **{name: {**FIELDS[name], **changes}})


def required(side: str, *names: str) -> Change:
    return lambda new: schema(new, side).update(required=list(names))


def answer(document: Document) -> Document:
    found: Document = operation(document)["responses"]["200"]
    return found


def add_parameter(**parameter: Any) -> Change:
    return lambda new: operation(new)["parameters"].append(
        {"in": "query", "name": "q", **parameter}
    )


def security(*requirements: Document) -> Change:
    return lambda new: operation(new).update(security=list(requirements))


def rename_path_parameter(new: Document) -> None:
    new["paths"][PATH.replace("thing_id", "id")] = item = new["paths"].pop(PATH)
    item["put"]["parameters"][0]["name"] = "id"


def move_schema(new: Document) -> None:
    schemas = new["components"]["schemas"]
    schemas["Moved"] = schemas.pop("Write")
    content = operation(new)["requestBody"]["content"]
    content["application/json"]["schema"] = {"$ref": "#/components/schemas/Moved"}


def inline_schema(new: Document) -> None:
    content = operation(new)["requestBody"]["content"]
    content["application/json"]["schema"] = {"allOf": [schema(new, "Write")]}


def third_animal(new: Document) -> None:
    cow = {**schema(new, "Cat"), "properties": {"kind": {"const": "cow"}}}
    schema(new, "Animal")["oneOf"].append(cow)


def deepen(new: Document) -> None:
    schema(new, "Tree")["properties"]["label"]["maxLength"] = 5


STRING_OR_NULL = {"type": ["string", "null"]}
PAGE_OR_NULL = {"type": ["integer", "null"], "minimum": 1}
ENUM = ["red", "blue", "green"]

BREAKING: dict[str, tuple[Change, str]] = {
    "path removed": (lambda new: new["paths"].pop(PATH), "GET {}: the operation is gone."),
    "method removed": (lambda new: new["paths"][PATH].pop("put"), "PUT {}: the operation is gone."),
    # Parameters
    "parameter removed": (
        lambda new: operation(new)["parameters"].pop(1),
        "PUT {} query limit: the parameter is gone.",
    ),
    "required parameter added": (
        add_parameter(required=True, schema={"type": "string"}),
        "PUT {} query q: the parameter must now be sent.",
    ),
    "parameter became required": (
        parameter(required=True),
        "PUT {} query limit: the parameter must now be sent.",
    ),
    "type of a parameter": (
        parameter(schema={"type": "string", "default": 20}),
        "PUT {} query limit: type was integer, is string.",
    ),
    "maximum of a parameter lowered": (
        parameter(schema={"type": "integer", "minimum": 1, "maximum": 50, "default": 20}),
        "PUT {} query limit: maximum was 100, is 50.",
    ),
    "default of a parameter": (
        parameter(schema={"type": "integer", "minimum": 1, "maximum": 100, "default": 50}),
        "PUT {} query limit: default was 20, is 50.",
    ),
    "style of a parameter": (
        parameter(style="spaceDelimited"),
        "PUT {} query limit: style was form, is spaceDelimited.",
    ),
    "value of a parameter behind a reference": (
        lambda new: new["components"]["parameters"]["Sort"]["schema"].update(enum=["name"]),
        "PUT {} query sort: value was price, is name.",
    ),
    # Requests
    "body became required": (
        lambda new: operation(new)["requestBody"].update(required=True),
        "PUT {} body: must now be sent.",
    ),
    "content type of a request removed": (
        lambda new: operation(new)["requestBody"]["content"].pop("text/csv"),
        "PUT {} body: text/csv is gone.",
    ),
    "body removed": (
        lambda new: operation(new).pop("requestBody"),
        "PUT {} body: application/json is gone.",
    ),
    "request field removed": (fields("Write", note=None), "PUT {} body.note: the field is gone."),
    "request field became required": (
        required("Write", "name", "note"),
        "PUT {} body.note: must now be sent.",
    ),
    "request field became read-only": (
        keywords("Write", "note", readOnly=True),
        "PUT {} body.note: the field is gone.",
    ),
    "request type": (
        fields("Write", name={"type": "integer"}),
        "PUT {} body.name: type was string, is integer.",
    ),
    "request number became an integer": (
        keywords("Write", "price", type="integer"),
        "PUT {} body.price: type was number, is integer.",
    ),
    "request format added": (
        keywords("Write", "name", format="email"),
        "PUT {} body.name: format was None, is email.",
    ),
    "null no longer accepted": (
        fields("Write", note={"type": "string"}),
        "PUT {} body.note: type was null, is string.",
    ),
    "request value removed": (
        keywords("Write", "colour", enum=["red"]),
        "PUT {} body.colour: value was blue, is red.",
    ),
    "shorter maxLength": (
        keywords("Write", "name", maxLength=40),
        "PUT {} body.name: maxLength was 50, is 40.",
    ),
    "longer minLength": (
        keywords("Write", "name", minLength=3),
        "PUT {} body.name: minLength was 2, is 3.",
    ),
    "maximum became exclusive": (
        keywords("Write", "price", exclusiveMaximum=10),
        "PUT {} body.price: maximum was 10, is 10.",
    ),
    "fewer elements": (
        keywords("Write", "tags", maxItems=4),
        "PUT {} body.tags: maxItems was 5, is",
    ),
    "unique elements": (
        keywords("Write", "tags", uniqueItems=True),
        "PUT {} body.tags: uniqueItems was None, is True.",
    ),
    "coarser multipleOf": (
        keywords("Write", "price", multipleOf=4),
        "PUT {} body.price: multipleOf was 2, is 4.",
    ),
    "request pattern": (
        keywords("Write", "name", pattern="^[a-f]+$"),
        "PUT {} body.name: pattern was ^[a-z]+$, is ^[a-f]+$.",
    ),
    "request default": (
        keywords("Write", "count", default=2),
        "PUT {} body.count: default was 1, is 2.",
    ),
    "type of elements": (
        keywords("Write", "tags", items={"type": "integer"}),
        "PUT {} body.tags[]: type was string, is integer.",
    ),
    "type of further properties": (
        keywords("Write", "labels", additionalProperties={"type": "boolean"}),
        "PUT {} body.labels.*: type was integer, is boolean.",
    ),
    "further properties forbidden": (
        keywords("Write", "labels", additionalProperties=False),
        "PUT {} body.labels.*: no value is allowed any more.",
    ),
    "unknown keyword": (
        keywords("Write", "labels", propertyNames={"maxLength": 3}),
        "PUT {} body.labels: propertyNames was None, is",
    ),
    "member of a union removed": (
        lambda new: schema(new, "Animal")["oneOf"].pop(),
        "PUT {} body.animal.kind: value was dog, is cat.",
    ),
    "discriminator": (
        lambda new: schema(new, "Animal")["discriminator"].update(propertyName="type"),
        "PUT {} body.animal: discriminator was kind, is type.",
    ),
    "discriminator value removed": (
        lambda new: schema(new, "Animal")["discriminator"]["mapping"].pop("dog"),
        "PUT {} body.animal: discriminator mapping was ['dog'], is absent.",
    ),
    "bound in a recursive schema": (deepen, "PUT {} body.tree.label: maxLength was 10, is 5."),
    "schema forbids everything": (
        fields("Write", note=False),
        "PUT {} body.note: no value is allowed any more.",
    ),
    # Responses
    "success removed": (
        lambda new: operation(new)["responses"].pop("200"),
        "PUT {} 200: the response is gone.",
    ),
    "content type of a response removed": (
        lambda new: answer(new)["content"].pop("text/csv"),
        "PUT {} 200: text/csv is gone.",
    ),
    "header removed": (
        lambda new: answer(new)["headers"].pop("ETag"),
        "PUT {} 200: the header ETag is gone.",
    ),
    "header became optional": (
        lambda new: answer(new)["headers"]["ETag"].update(required=False),
        "PUT {} 200: the header ETag may be missing.",
    ),
    "bound of a header": (
        lambda new: answer(new)["headers"]["ETag"]["schema"].update(maxLength=99),
        "PUT {} 200 header ETag: maxLength was 9, is 99.",
    ),
    "response field removed": (fields("Read", note=None), "PUT {} 200.note: the field is gone."),
    "response field may be missing": (required("Read"), "PUT {} 200.name: may be missing."),
    "response field became write-only": (
        keywords("Read", "note", writeOnly=True),
        "PUT {} 200.note: the field is gone.",
    ),
    "response type": (
        fields("Read", name={"type": "integer"}),
        "PUT {} 200.name: type was string, is integer.",
    ),
    "response integer became a number": (
        fields("Read", count={"type": "number", "minimum": 0}),
        "PUT {} 200.count: type was integer, is number.",
    ),
    "response format": (
        keywords("Read", "bought", format="date-time"),
        "PUT {} 200.bought: format was date, is date-time.",
    ),
    "response may be null": (
        keywords("Read", "name", type=["string", "null"]),
        "PUT {} 200.name: type was string, is null.",
    ),
    "response value added": (
        keywords("Read", "colour", enum=ENUM),
        "PUT {} 200.colour: value was red, is green.",
    ),
    "longer maxLength of a response": (
        keywords("Read", "name", maxLength=60),
        "PUT {} 200.name: maxLength was 50, is 60.",
    ),
    "lower minimum of a response": (
        keywords("Read", "count", minimum=-1),
        "PUT {} 200.count: minimum was 0, is -1.",
    ),
    "response pattern removed": (
        fields("Read", name={"type": "string", "minLength": 2, "maxLength": 50}),
        "PUT {} 200.name: pattern was ^[a-z]+$, is None.",
    ),
    "type of further properties of a response": (
        keywords("Read", "labels", additionalProperties={"type": "string"}),
        "PUT {} 200.labels.*: type was integer, is string.",
    ),
    "member of a union added to a response": (
        third_animal,
        "PUT {} 200.animal.kind: value was cat, is cow.",
    ),
    "type of an error": (
        lambda new: operation(new)["responses"]["404"]["content"]["application/json"].update(
            schema={"type": "string"}
        ),
        "PUT {} 404: type was object, is string.",
    ),
    # Security
    "credential required": (
        lambda new: new["paths"][PATH]["get"].pop("security"),
        "GET {}: no credential no longer suffices.",
    ),
    "scope added": (
        security({"Token": ["read", "write"]}),
        "PUT {}: {{'Token': ['read']}} no longer suffices.",
    ),
    "scheme replaced": (
        security({"Key": []}),
        "PUT {}: {{'Token': ['read']}} no longer suffices.",
    ),
    "second credential required": (
        security({"Token": ["read"], "Key": []}),
        "PUT {}: {{'Token': ['read']}} no longer suffices.",
    ),
    "definition of a scheme": (
        lambda new: new["components"]["securitySchemes"]["Token"].update(scheme="basic"),
        "PUT {}: the scheme Token was {{'type': 'http', 'scheme': 'bearer'}}, is",
    ),
}

COMPATIBLE: dict[str, Change] = {
    "nothing": lambda new: new,
    "operation added": lambda new: new["paths"].update({"/api/v1/new": new["paths"][PATH]}),
    "path parameter renamed": rename_path_parameter,
    "descriptions": lambda new: operation(new).update(summary="S", description="D", tags=["t"]),
    "deprecation": lambda new: operation(new).update(deprecated=True),
    "schema renamed": move_schema,
    "schema inlined": inline_schema,
    "optional parameter added": add_parameter(schema={"type": "string"}),
    "parameters in another order": lambda new: operation(new)["parameters"].reverse(),
    "maximum of a parameter raised": parameter(
        schema={"type": "integer", "minimum": 1, "maximum": 200, "default": 20}
    ),
    "case of a header": lambda new: operation(new)["parameters"][2].update(name="if-match"),
    "content type of a request added": lambda new: operation(new)["requestBody"]["content"].update(
        {"text/plain": {}}
    ),
    "optional request field added": fields("Write", size={"type": "integer"}),
    "request field became optional": required("Write"),
    "null accepted": fields("Write", bought={"anyOf": [FIELDS["bought"], {"type": "null"}]}),
    "null spelled otherwise": fields("Write", note=STRING_OR_NULL),
    "null beside rules for strings": fields("Read", note={**STRING_OR_NULL, "maxLength": 9}),
    "null beside rules spelled otherwise": fields("Write", page=PAGE_OR_NULL),
    "request value added": keywords("Write", "colour", enum=ENUM),
    "request values became free": fields("Write", colour={"type": "string", "maxLength": 9}),
    "request integer became a number": fields("Write", count={"type": "number", "default": 1}),
    "exclusive bound of integers spelled otherwise": fields(
        "Write", count={"type": "integer", "exclusiveMinimum": -1, "default": 1}
    ),
    "longer maxLength of a request": keywords("Write", "name", maxLength=60),
    "finer multipleOf": keywords("Write", "price", multipleOf=1),
    "request pattern removed": fields("Write", name={"type": "string", "maxLength": 50}),
    "title and example of a field": keywords("Write", "name", title="T", examples=["a"]),
    "further properties accepted": lambda new: schema(new, "Write").update(
        additionalProperties=True
    ),
    "error added": lambda new: operation(new)["responses"].update({"409": {}}),
    "error removed": lambda new: operation(new)["responses"].pop("404"),
    "content type of a response added": lambda new: answer(new)["content"].update({"text/xml": {}}),
    "header added": lambda new: answer(new)["headers"].update(Link={"schema": {"type": "string"}}),
    "response field added": fields("Read", size={"type": "integer"}),
    "response field is always there": required("Read", "name", "note"),
    "response value removed": keywords("Read", "colour", enum=["red"]),
    "shorter maxLength of a response": keywords("Read", "name", maxLength=40),
    "response is never null": fields("Read", note={"type": "string"}),
    "response number became an integer": keywords("Read", "price", type="integer", minimum=1),
    "default of a response": keywords("Read", "count", default=2),
    "scope removed": security({"Token": []}),
    "second way to authenticate": security({"Token": ["read"]}, {"Key": []}),
    "no credential required": security(),
    "version 2": lambda new: new["paths"].update({"/api/v2/things": new["paths"][PATH]}),
}


@pytest.mark.parametrize(("change", "sentence"), BREAKING.values(), ids=BREAKING)
def test_breaking_change_is_named(change: Change, sentence: str) -> None:
    new = copy.deepcopy(RELEASED)
    change(new)

    changes = breaking_changes(RELEASED, new, prefix="/api/v1/")

    assert any(each.startswith(sentence.format(PATH)) for each in changes), changes


@pytest.mark.parametrize("change", COMPATIBLE.values(), ids=COMPATIBLE)
def test_compatible_change_is_let_through(change: Change) -> None:
    new = copy.deepcopy(RELEASED)
    change(new)

    assert breaking_changes(RELEASED, new, prefix="/api/v1/") == []


@pytest.mark.parametrize(
    ("scopes", "is_compatible"), [(["read", "write"], True), (["read"], True), (["write"], False)]
)
def test_new_feature_extends_the_scopes(scopes: list[str], is_compatible: bool) -> None:
    documents = [copy.deepcopy(RELEASED) for _ in range(2)]
    for document, values in zip(documents, (["read"], scopes), strict=True):
        document["components"]["schemas"]["Scope"] = {"type": "string", "enum": values}
        for side in ("Read", "Write"):
            fields(side, scope={"$ref": "#/components/schemas/Scope"})(document)

    changes = breaking_changes(*documents, prefix="/api/v1/")

    assert (changes == []) is is_compatible


def test_what_is_outside_of_the_prefix_may_change() -> None:
    assert breaking_changes(RELEASED, {**RELEASED, "paths": {}}, prefix="/api/v2/") == []


def test_document_of_the_service_is_compatible_with_itself() -> None:
    document = json.loads(Path("docs/openapi.json").read_text("utf-8"))

    assert breaking_changes(document, copy.deepcopy(document), prefix="/") == []
