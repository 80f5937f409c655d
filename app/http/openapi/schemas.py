"""OpenAPI schemas refined for clients and linters: bounds, integer limits and examples."""

from typing import Any

Node = dict[str, Any]

# Values below these keys are data, even if they look like a schema.
LITERAL = frozenset({"const", "default", "enum", "example", "examples"})
# Keywords of OpenAPI 3.2; the document is 3.1.
NEWER = frozenset({"itemSchema"})
BOUNDS: dict[str, Node] = {
    "date": {"maxLength": 10},
    "date-time": {"maxLength": 35},
    "uuid": {"minLength": 36, "maxLength": 36},
}
# Pydantic declares a Decimal as a number or a string, with the rules outside of both.
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
    if is_decimal(node):
        return decimal(node)
    if node.get("type") == "string":
        return BOUNDS.get(node.get("format", ""), {}) | node
    if node.get("type") == "integer":
        return {key: integer_bound(part) for key, part in node.items()}
    return node


def is_field(node: Node) -> bool:
    """Return whether the schema is of a field, whose title repeats its name, and not of a model."""
    is_schema = any(isinstance(node.get(key), str | list) for key in ("type", "anyOf", "$ref"))
    return is_schema and "properties" not in node


def is_decimal(node: Node) -> bool:
    kinds = [part.get("type") for part in node.get("anyOf", ()) if isinstance(part, dict)]
    return kinds[:2] == ["number", "string"]


def decimal(node: Node) -> Node:
    number, _, *others = node["anyOf"]
    rules = {DECIMAL_RULES[key]: float(node[key]) for key in DECIMAL_RULES if key in node}
    rest = {key: part for key, part in node.items() if key not in NO_KEYWORDS}
    return {**rest, "anyOf": [number | rules, DECIMAL_TEXT, *others]}


def integer_bound(part: Any) -> Any:
    """Restore an integer: FastAPI's model of a schema turns bounds of integers into floats."""
    return int(part) if isinstance(part, float) and part.is_integer() else part


def without_null(parameter: Node) -> Node:
    """Remove null from an optional parameter, which can only be omitted."""
    schema = parameter["schema"]
    options = [part for part in schema.get("anyOf", ()) if part.get("type") != "null"]
    merged = {key: part for key, part in schema.items() if key != "anyOf"}
    if len(options) == 1:
        merged = options[0] | merged
    elif options:
        merged["anyOf"] = options
    return {**parameter, "schema": merged}


def example_of(schema: Node, components: Node) -> Any:
    """Return the example of a schema, else one composed of those of its fields, or NOTHING."""
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
