"""Breaking changes between two OpenAPI documents, from the view of a client.

Compares operations, parameters, request fields and response fields. A client breaks when a
value that it sends is rejected or a field that it reads is removed.
"""

from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
METHODS = ("get", "post", "put", "patch", "delete")


def breaking_changes(old: Document, new: Document, *, prefix: str) -> list[str]:
    """Return one sentence for each breaking change below the path `prefix`."""
    return [
        change
        for path, method, before in operations(old)
        if path.startswith(prefix)
        for change in operation_changes(
            f"{method.upper()} {path}", Side(old, before), Side(new, find(new, path, method))
        )
    ]


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def find(document: Document, path: str, method: str) -> Document | None:
    operation: Document | None = document["paths"].get(path, {}).get(method)
    return operation


def parameter_key(parameter: Document) -> tuple[str, str]:
    """Return location and name; names of header fields are case-insensitive."""
    place, name = parameter["in"], parameter["name"]
    return place, name.lower() if place == "header" else name


class Side:
    """An operation and the document in which its references are resolved."""

    def __init__(self, document: Document, operation: Document | None) -> None:
        self.document = document
        self.operation = operation or {}

    def parameters(self) -> dict[tuple[str, str], Document]:
        return {parameter_key(each): each for each in self.operation.get("parameters", [])}

    def request_fields(self) -> dict[str, Document]:
        return self.fields(self.operation.get("requestBody", {}))

    def response_fields(self) -> dict[str, Document]:
        responses = self.operation.get("responses", {})
        success: list[Document] = [each for code, each in responses.items() if code.startswith("2")]
        return self.fields(success[0]) if success else {}

    def fields(self, body: Document) -> dict[str, Document]:
        """Return the schema of each field of the body, nested ones by their dotted path."""
        contents = body.get("content", {})
        schemas: list[Document] = [content.get("schema", {}) for content in contents.values()]
        return dict(self.walk(schemas[0], "", ())) if schemas else {}

    def walk(
        self, schema: Document, place: str, seen: tuple[str, ...]
    ) -> Iterator[tuple[str, Document]]:
        reference = schema.get("$ref")
        if reference in seen:
            return
        if reference:
            seen, schema = (*seen, reference), self.resolve(reference)
        for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from self.walk(each, place, seen)
        if "items" in schema:
            yield from self.walk(schema["items"], f"{place}[]", seen)
        required = schema.get("required", ())
        for name, field in schema.get("properties", {}).items():
            at = f"{place}.{name}".lstrip(".")
            yield at, {**field, "is_required": name in required}
            yield from self.walk(field, at, seen)

    def resolve(self, reference: str) -> Document:
        found: Any = self.document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        return dict(found)


def operation_changes(name: str, old: Side, new: Side) -> Iterator[str]:
    if not new.operation:
        yield f"{name}: the operation is gone."
        return
    yield from parameter_changes(name, old.parameters(), new.parameters())
    yield from request_changes(name, old.request_fields(), new.request_fields())
    for field in old.response_fields().keys() - new.response_fields().keys():
        yield f"{name}: the answer no longer has {field}."


def parameter_changes(
    name: str, old: dict[tuple[str, str], Document], new: dict[tuple[str, str], Document]
) -> Iterator[str]:
    for place, gone in old.keys() - new.keys():
        yield f"{name}: the {place} parameter {gone} is gone."
    for key, parameter in new.items():
        if parameter.get("required") and not old.get(key, {}).get("required"):
            yield f"{name}: the {key[0]} parameter {key[1]} is now required."


def request_changes(name: str, old: dict[str, Document], new: dict[str, Document]) -> Iterator[str]:
    for field in old.keys() - new.keys():
        yield f"{name}: the body may no longer have {field}."
    for field, schema in new.items():
        if schema["is_required"] and not old.get(field, {}).get("is_required"):
            yield f"{name}: the body must now have {field}."
    for field in old.keys() & new.keys():
        gone = set(old[field].get("enum", ())) - set(new[field].get("enum", ()))
        if gone:
            yield f"{name}: {field} may no longer be {', '.join(sorted(map(str, gone)))}."
