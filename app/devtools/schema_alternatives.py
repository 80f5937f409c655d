"""JSON schemas as lists of simple alternatives: references, unions and enumerations resolved."""

from collections.abc import Callable
from typing import Any

Node = dict[str, Any]

TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}
# Say nothing about what is valid.
ANNOTATIONS = frozenset(
    {
        *("title", "description", "default", "example", "examples", "deprecated", "externalDocs"),
        *("readOnly", "writeOnly", "xml", "$comment", "$defs", "$id"),
    }
)


def resolve(schema: Any, document: Node) -> Any:
    """Return the schema that a reference leads to; annotations beside the reference are ignored."""
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        rest = {key: part for key, part in schema.items() if key != "$ref"}
        schema = {"allOf": [target, rest]} if rest.keys() - ANNOTATIONS else target
    return schema


def alternatives(schema: Any, document: Node) -> list[Node]:
    """Return schemas of one type or value each; a value is valid if it is for one of them."""
    schema = resolve(schema, document)
    if isinstance(schema, bool):
        return [{}] if schema else []
    for keyword, expand in EXPANSIONS.items():
        if keyword in schema:
            rest = {key: part for key, part in schema.items() if key != keyword}
            return expand(rest, schema[keyword], document)
    types = schema.get("type")
    return [of_type(schema, each) for each in types] if isinstance(types, list) else [schema]


def of_type(schema: Node, kind: str) -> Node:
    """Return the alternative of one type; the rules for strings and numbers do not concern null."""
    return {"type": kind} if kind == "null" else {**schema, "type": kind}


def members(rest: Node, any_of: list[Any], document: Node) -> list[Node]:
    return [one for each in any_of for one in alternatives({"allOf": [rest, each]}, document)]


def merged(rest: Node, all_of: list[Any], document: Node) -> list[Node]:
    whole = alternatives(rest, document)
    for part in all_of:
        others = alternatives(part, document)
        whole = [both(one, other) for one in whole for other in others]
    return whole


def both(one: Node, other: Node) -> Node:
    """Return the schema for which both have to be valid; of equal keywords, those of `other`."""
    fields = one.get("properties", {}) | other.get("properties", {})
    required = [*one.get("required", ()), *other.get("required", ())]
    return {**one, **other, "properties": fields, "required": required}


def with_value(schema: Node, value: Any) -> Node:
    """Return the schema of one value, with bounds that can be compared with those of others."""
    size = {"minLength": len(value), "maxLength": len(value)} if isinstance(value, str) else {}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    bounds = {"minimum": value, "maximum": value} if is_number else size
    return {**schema, "type": TYPES.get(type(value), "object"), "only": value, **bounds}


EXPANSIONS: dict[str, Callable[[Node, Any, Node], list[Node]]] = {
    "anyOf": members,
    "oneOf": members,
    "allOf": merged,
    "enum": lambda rest, values, _: [with_value(rest, value) for value in values],
    "const": lambda rest, value, _: [with_value(rest, value)],
}
