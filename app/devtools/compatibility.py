"""Breaking changes between two OpenAPI documents, from the view of a client.

A client breaks when a request that it sends is rejected or ignored, or when a response is not what
it could rely on. New optional parts break no client.
"""

import re
from collections.abc import Iterator
from typing import Any

from app.devtools.schema_alternatives import resolve
from app.devtools.schema_compatibility import SchemaComparison, changed_default

Document = dict[str, Any]
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
# Enumerations that each new feature extends: no old client creates a key or a webhook with the new
# values, so that it reads only those that another one chose.
EXTENSIBLE = ("EventType", "Scope")
# How a parameter is written into the request, and a scheme of authentication used.
ENCODING = ("style", "explode", "allowReserved")
SCHEME = ("type", "in", "name", "scheme", "openIdConnectUrl")


def breaking_changes(old: Document, new: Document, *, prefix: str) -> list[str]:
    """Return one sentence for each breaking change below the path `prefix`."""
    old, news = extended(old, new), operations(new)
    return sorted(
        {
            f"{method.upper()} {before['path']}{change}"
            for (path, method), before in operations(old).items()
            if path.startswith(prefix)
            for change in OperationComparison(old, new).changes(before, news.get((path, method)))
        }
    )


def extended(old: Document, new: Document) -> Document:
    """Return the old document with the values that extensible enumerations have gained."""
    olds, news = (each.get("components", {}).get("schemas", {}) for each in (old, new))
    added = {
        name: {**olds[name], "enum": [*dict.fromkeys(olds[name]["enum"] + news[name]["enum"])]}
        for name in EXTENSIBLE
        if name in olds and name in news
    }
    return {**old, "components": {**old.get("components", {}), "schemas": {**olds, **added}}}


def operations(document: Document) -> dict[tuple[str, str], Document]:
    """Return the operations by path and method; names of path parameters are no part of a path."""
    return {
        (re.sub(r"\{[^}]*\}", "{}", path), method): {
            "security": document.get("security", []),
            **item[method],
            "path": path,
            "parameters": [*item.get("parameters", ()), *item[method].get("parameters", ())],
        }
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


class OperationComparison:
    def __init__(self, old: Document, new: Document) -> None:
        self._old = old
        self._new = new
        self._requests = SchemaComparison(old, new, is_request=True)
        self._responses = SchemaComparison(old, new, is_request=False)

    def changes(self, old: Document, new: Document | None) -> Iterator[str]:
        if new is None:
            yield ": the operation is gone."
            return
        yield from self._parameters(keyed(old, self._old), keyed(new, self._new))
        yield from self._body(*self._both(old, new, "requestBody"))
        yield from self._compare_responses(*self._both(old, new, "responses"))
        yield from self._security(old["security"], new["security"])

    def _both(self, old: Document, new: Document, key: str) -> tuple[Document, Document]:
        return resolve(old.get(key, {}), self._old), resolve(new.get(key, {}), self._new)

    def _parameters(self, old: Document, new: Document) -> Iterator[str]:
        for place, parameter in old.items():
            if place not in new:
                yield f" {place}: the parameter is gone."
                continue
            yield from self._parameter(place, parameter, new[place])
        for place, parameter in new.items():
            if parameter.get("required") and not old.get(place, {}).get("required"):
                yield f" {place}: the parameter must now be sent."

    def _parameter(self, place: str, old: Document, new: Document) -> Iterator[str]:
        for key in ENCODING:
            if old.get(key) != new.get(key):
                yield f" {place}: {key} was {old.get(key)}, is {new.get(key)}."
        schemas = old.get("schema", True), new.get("schema", True)
        yield from self._requests.changes(*schemas, f" {place}")
        yield from changed_default(*schemas, f" {place}")
        yield from contents(self._requests, old, new, f" {place}")

    def _body(self, old: Document, new: Document) -> Iterator[str]:
        if new.get("required") and not old.get("required"):
            yield " body: must now be sent."
        yield from contents(self._requests, old, new, " body")

    def _compare_responses(self, old: Document, new: Document) -> Iterator[str]:
        for status in old:
            if status not in new:
                # A client handles an error that no longer occurs.
                if status.startswith("2"):
                    yield f" {status}: the response is gone."
                continue
            before, after = self._both(old, new, status)
            yield from contents(self._responses, before, after, f" {status}")
            yield from self._headers(*self._both(before, after, "headers"), f" {status}")

    def _headers(self, old: Document, new: Document, place: str) -> Iterator[str]:
        news = {name.lower(): name for name in new}
        for name in old:
            if name.lower() not in news:
                yield f"{place}: the header {name} is gone."
                continue
            before, after = (
                resolve(old[name], self._old),
                resolve(new[news[name.lower()]], self._new),
            )
            schemas = before.get("schema", True), after.get("schema", True)
            yield from self._responses.changes(*schemas, f"{place} header {name}")
            if before.get("required") and not after.get("required"):
                yield f"{place}: the header {name} may be missing."

    def _security(self, old: list[Document], new: list[Document]) -> Iterator[str]:
        for before in old or [{}]:
            if not any(suffices(before, after) for after in new or [{}]):
                yield f": {before or 'no credential'} no longer suffices."
        for name in {name for each in old for name in each}:
            before, after = (scheme(document, name) for document in (self._old, self._new))
            if before != after:
                yield f": the scheme {name} was {before}, is {after}."


def keyed(operation: Document, document: Document) -> Document:
    """Return the parameters by place and name; a path parameter's name is its position."""
    order = re.findall(r"\{([^}]*)\}", operation["path"])
    found: Document = {}
    for each in operation["parameters"]:
        parameter = resolve(each, document)
        place, name = parameter["in"], parameter["name"]
        if place == "header":
            name = name.lower()
        found[f"{place} {order.index(name) + 1 if place == 'path' else name}"] = parameter
    return found


def contents(
    comparison: SchemaComparison, old: Document, new: Document, place: str
) -> Iterator[str]:
    news = new.get("content", {})
    for media_type, media in old.get("content", {}).items():
        if media_type not in news:
            yield f"{place}: {media_type} is gone."
            continue
        schemas = media.get("schema", True), news[media_type].get("schema", True)
        yield from comparison.changes(*schemas, place)


def suffices(given: Document, needed: Document) -> bool:
    """Return whether a client with these schemes and scopes satisfies the requirement."""
    return all(name in given and set(scopes) <= set(given[name]) for name, scopes in needed.items())


def scheme(document: Document, name: str) -> Document:
    schemes = document.get("components", {}).get("securitySchemes", {})
    found: Document = schemes.get(name, {})
    return {key: found[key] for key in SCHEME if key in found}
