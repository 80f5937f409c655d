"""Schemas as clients and linters want them: bounded, in plain numbers, with an example."""

from typing import Any

Node = dict[str, Any]

# What stands below these keys is data, however much it looks like a schema.
LITERAL = frozenset({"const", "default", "enum", "example", "examples"})
# Of OpenAPI 3.2; ours is 3.1.
NEWER = frozenset({"itemSchema"})
BOUNDS: dict[str, Node] = {
    "date": {"maxLength": 10},
    "date-time": {"maxLength": 35},
    "uuid": {"minLength": 36, "maxLength": 36},
}
# Pydantic takes a Decimal as a number or a string and leaves the rules beside the two.
DECIMAL_TEXT = {"type": "string", "pattern": r"^-?\d{1,16}(\.\d{1,8})?$", "maxLength": 26}
DECIMAL_RULES = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
}
NO_KEYWORDS = frozenset({*DECIMAL_RULES, "decimal_places", "max_digits"})
EXAMPLES = {
    "email": "ada@example.com",
    "password": "correct horse battery staple",
    "uuid": "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58",
    "date-time": "2027-01-31T12:00:00Z",
}
NOTHING: Any = object()


def tidy(node: Any) -> Any:
    """The part of a document with every schema in it refined."""
    if isinstance(node, list):
        return [tidy(part) for part in node]
    if not isinstance(node, dict):
        return node
    kept = {key: part for key, part in node.items() if key not in NEWER}
    return refined({key: part if key in LITERAL else tidy(part) for key, part in kept.items()})


def refined(node: Node) -> Node:
    if is_field(node):
        node = {key: part for key, part in node.items() if key != "title"}
    if is_decimal(node):
        return decimal(node)
    if node.get("type") == "string":
        return BOUNDS.get(node.get("format", ""), {}) | node
    if node.get("type") == "integer":
        return {key: whole(part) for key, part in node.items()}
    return node


def is_field(node: Node) -> bool:
    """Pydantic repeats the name of a field as its title; a model's title is worth showing."""
    is_schema = any(isinstance(node.get(key), str | list) for key in ("type", "anyOf", "$ref"))
    return is_schema and "properties" not in node


def is_decimal(node: Node) -> bool:
    kinds = [part.get("type") for part in node.get("anyOf", ()) if isinstance(part, dict)]
    return kinds[:2] == ["number", "string"]


def decimal(node: Node) -> Node:
    number, _, *others = node["anyOf"]
    rules = {DECIMAL_RULES[key]: float(node[key]) for key in DECIMAL_RULES if key in node}
    kept = {key: part for key, part in node.items() if key not in NO_KEYWORDS}
    return {**kept, "anyOf": [number | rules, DECIMAL_TEXT, *others]}


def whole(part: Any) -> Any:
    """FastAPI's model of a schema turns the bounds of integers into floats."""
    return int(part) if isinstance(part, float) and part.is_integer() else part


def without_null(parameter: Node) -> Node:
    """An optional parameter is left out, and cannot be null."""
    schema = parameter["schema"]
    options = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    kept = {key: part for key, part in schema.items() if key != "anyOf"}
    if len(options) == 1:
        kept = options[0] | kept
    elif options:
        kept["anyOf"] = options
    return {**parameter, "schema": kept}


def example_of(schema: Node, components: Node) -> Any:
    """The schema's own example, or one put together from those of its fields, or NOTHING."""
    for key in ("examples", "enum"):
        if key in schema:
            return schema[key][0]
    for key in ("const", "default"):
        if key in schema:
            return schema[key]
    return composed_example(schema, components)


def composed_example(schema: Node, components: Node) -> Any:
    if "$ref" in schema:
        return example_of(components["schemas"][schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], components)
    if "properties" in schema:
        fields = schema["properties"].items()
        found = {name: example_of(field, components) for name, field in fields}
        return {name: value for name, value in found.items() if value is not NOTHING}
    return EXAMPLES.get(schema.get("format", ""), NOTHING)
