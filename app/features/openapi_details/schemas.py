"""OpenAPI schemas refined for clients and linters: bounds, formats, null and examples."""

from typing import Any

from app.http.openapi import Node

# Values below these keys are data, even if they look like a schema.
LITERAL = frozenset({"const", "default", "enum", "example", "examples"})
# Keywords that would have to list null as well.
VALUES = frozenset({"const", "enum"})
# Keywords of OpenAPI 3.2; the document is 3.1.
NEWER = frozenset({"itemSchema"})
BOUNDS: dict[str, Node] = {
    "date": {"maxLength": 10},
    "date-time": {"maxLength": 35},
    "uuid": {"minLength": 36, "maxLength": 36},
}
INT32, INT64 = 2**31 - 1, 2**63 - 1
EXAMPLES = {
    "email": "ada@example.com",
    "password": "correct horse battery staple",
    "uuid": "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58",
    "date-time": "2027-01-31T12:00:00Z",
}
NOTHING: Any = object()


def tidy(node: Any) -> Any:
    """Return a part of a document with all of its schemas refined."""
    if isinstance(node, list):
        return [tidy(part) for part in node]
    if not isinstance(node, dict):
        return node
    parts = {key: part for key, part in node.items() if key not in NEWER}
    return refined({key: part if key in LITERAL else tidy(part) for key, part in parts.items()})


def refined(node: Node) -> Node:
    if is_field(node):
        node = {key: part for key, part in node.items() if key != "title"}
    if node.get("type") == "string":
        return BOUNDS.get(node.get("format", ""), {}) | node
    return sized_integer(node) if node.get("type") == "integer" else nullable(node)


def is_field(node: Node) -> bool:
    """Return whether the schema is of a field, whose title repeats its name, and not of a model."""
    is_schema = any(isinstance(node.get(key), str | list) for key in ("type", "anyOf", "$ref"))
    return is_schema and "properties" not in node


def sized_integer(node: Node) -> Node:
    """Add the format, and restore the bounds, which FastAPI's model of a schema makes floats."""
    node = {key: integer_bound(part) for key, part in node.items()}
    highest = node.get("maximum") or node.get("exclusiveMaximum") or 0
    return {"format": "int32" if highest <= INT32 else "int64", **node}


def integer_bound(part: Any) -> Any:
    """Return a bound as an integer; as a float, 2**63 - 1 has become 2**63."""
    return min(int(part), INT64) if isinstance(part, float) and part.is_integer() else part


def nullable(node: Node) -> Node:
    """Return a plain type or null as one schema, which generators read as an optional field."""
    match node.get("anyOf"):
        case [{"type": str(name)} as plain, {"type": "null"}] if VALUES.isdisjoint(plain):
            others = {key: part for key, part in node.items() if key != "anyOf"}
            return {**plain, "type": [name, "null"], **others}
    return node


def without_null(parameter: Node) -> Node:
    """Remove null from an optional parameter, which can only be omitted."""
    schema = {key: part for key, part in parameter["schema"].items() if key != "anyOf"}
    union = parameter["schema"].get("anyOf", [{}])
    options = [part for part in union if part.get("type") != "null"]
    merged = options[0] if len(options) == 1 else {"anyOf": options}
    return prefilled({**parameter, "schema": {**merged, **schema}})


def prefilled(parameter: Node) -> Node:
    """Add the example of a required parameter, which Swagger UI does not take from the schema."""
    match parameter:
        case {"required": True, "schema": {"examples": [first, *_]}}:
            return {"example": first, **parameter}
    return parameter


def example_of(schema: Node, components: Node, *, is_required: bool = True) -> Any:
    """Return the example of a schema, else one composed of those of its fields, or NOTHING.

    A value is made up for a required field alone: a made-up id leads nowhere.
    """
    match schema:
        case {"examples": [first, *_]} | {"enum": [first, *_]} | {"const": first}:
            return first
        case {"default": value}:
            return value
        case {"$ref": reference}:
            return example_of(components["schemas"][reference.rpartition("/")[2]], components)
        case {"anyOf": [first, *_]}:
            return example_of(first, components, is_required=is_required)
        case {"properties": fields}:
            required = schema.get("required", ())
            found = {
                name: example_of(field, components, is_required=name in required)
                for name, field in fields.items()
            }
            return {name: value for name, value in found.items() if value is not NOTHING}
    return EXAMPLES.get(schema.get("format", ""), NOTHING) if is_required else NOTHING
