"""Compatibility of JSON schemas: what a schema accepts compared with what an earlier one did.

A request schema must accept every value that the old one accepted. A response schema must return
only values that the old one allowed, except for new fields, which clients ignore. Both are one
question asked in two directions: is each value of `inner` a value of `outer`? Keywords that this
module does not know must be equal, so that an unknown one is reported and not let through.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Node = dict[str, Any]

# They say nothing about what is valid, or are compared by rules of their own.
NOT_COMPARED = frozenset(
    """title description default example examples deprecated externalDocs readOnly writeOnly xml
    $comment $defs $id $ref const type anyOf oneOf allOf enum properties required items prefixItems
    additionalProperties discriminator multipleOf minLength maxLength minItems maxItems
    minProperties maxProperties minimum maximum exclusiveMinimum exclusiveMaximum""".split()
)
COUNTS = ("Length", "Items", "Properties")
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", type(None): "null"}


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """Two documents, in which the references of their schemas are resolved, and a direction."""

    old: Node
    new: Node
    is_request: bool

    def changes(
        self, old: Any, new: Any, place: str, seen: frozenset[tuple[int, int]] = frozenset()
    ) -> Iterator[str]:
        """Yield a sentence for each breaking change of a schema and of those below it."""
        olds, news = alternatives(old, self.old), alternatives(new, self.new)
        # Recursive schemas: the same pair above has the answer.
        pair = (id(origin(old, self.old)), id(origin(new, self.new)))
        if pair in seen:
            return
        inners, outers = (olds, news) if self.is_request else (news, olds)
        for inner in inners:
            found = [[*self._narrowed(inner, outer, place, seen | {pair})] for outer in outers]
            yield from min(found, key=lambda each: (len(each), "type" in str(each)), default=())

    def _narrowed(
        self, inner: Node, outer: Node, place: str, seen: frozenset[tuple[int, int]]
    ) -> Iterator[str]:
        for keyword, one, other in mismatches(inner, outer):
            before, after = (one, other) if self.is_request else (other, one)
            yield f"{place}: {keyword} was {before}, is {after}."
        old, new = (inner, outer) if self.is_request else (outer, inner)
        yield from self._changed_fields(old, new, place, seen)
        yield from self._changed_elements(old, new, place, seen)

    def _changed_fields(
        self, old: Node, new: Node, place: str, seen: frozenset[tuple[int, int]]
    ) -> Iterator[str]:
        olds, news = self._fields(old, self.old), self._fields(new, self.new)
        for name in olds:
            field = f"{place}.{name}"
            if name not in news:
                yield f"{field}: the field is gone."
                continue
            yield from self.changes(olds[name], news[name], field, seen)
            if self.is_request:
                yield from changed_default(olds[name], news[name], field)
        needed, given = {*old.get("required", ())}, {*new.get("required", ())}
        for name in (given - needed) if self.is_request else (needed - given) & news.keys():
            yield f"{place}.{name}: {'must now be sent' if self.is_request else 'may be missing'}."

    def _fields(self, schema: Node, document: Node) -> Node:
        hidden = "readOnly" if self.is_request else "writeOnly"
        fields: Node = schema.get("properties", {})
        return {
            name: each for name, each in fields.items() if not origin(each, document).get(hidden)
        }

    def _changed_elements(
        self, old: Node, new: Node, place: str, seen: frozenset[tuple[int, int]]
    ) -> Iterator[str]:
        for keyword, below in (("items", "[]"), ("additionalProperties", ".*")):
            before, after = old.get(keyword, True), new.get(keyword, True)
            is_ignored = keyword == "additionalProperties" and not self.is_request and not before
            if (before, after) != (True, True) and not is_ignored:
                yield from self.changes(before, after, place + below, seen)
        pairs = zip(old.get("prefixItems", ()), new.get("prefixItems", ()), strict=False)
        for index, (before, after) in enumerate(pairs):
            yield from self.changes(before, after, f"{place}[{index}]", seen)


def changed_default(old: Any, new: Any, place: str) -> Iterator[str]:
    """Yield a changed default of something that may be omitted."""
    before, after = ((each if isinstance(each, dict) else {}).get("default") for each in (old, new))
    if before is not None and before != after:
        yield f"{place}: default was {before}, is {after}."


def origin(schema: Any, document: Node) -> Any:
    """Return the schema that a reference leads to."""
    while isinstance(schema, dict) and "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        rest = {key: part for key, part in schema.items() if key != "$ref"}
        schema = target if not rest.keys() - NOT_COMPARED else {"allOf": [target, rest]}
    return schema


def alternatives(schema: Any, document: Node) -> list[Node]:
    """Return schemas of one type or value each; a value is valid if it is for one of them."""
    schema = origin(schema, document)
    if isinstance(schema, bool):
        return [{}] if schema else []
    for keyword in ("anyOf", "oneOf"):
        if keyword in schema:
            rest = {key: part for key, part in schema.items() if key != keyword}
            members = ({"allOf": [rest, each]} for each in schema[keyword])
            return [each for member in members for each in alternatives(member, document)]
    if "allOf" in schema:
        rest = {key: part for key, part in schema.items() if key != "allOf"}
        return merged([rest, *schema["allOf"]], document)
    if "enum" in schema:
        rest = {key: part for key, part in schema.items() if key != "enum"}
        return [with_value(rest, value) for value in schema["enum"]]
    if "const" in schema:
        return [with_value(schema, schema["const"])]
    types = schema.get("type")
    return [{**schema, "type": each} for each in types] if isinstance(types, list) else [schema]


def with_value(schema: Node, value: Any) -> Node:
    size = {"minLength": len(value), "maxLength": len(value)} if isinstance(value, str) else {}
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    bounds = {"minimum": value, "maximum": value} if is_number else size
    return {**schema, "type": TYPES.get(type(value), "object"), "const": value, **bounds}


def merged(members: list[Any], document: Node) -> list[Node]:
    """Return the alternatives of a schema for which each of the members has to be valid."""
    whole: list[Node] = [{}]
    for member in members:
        parts = alternatives(member, document)
        whole = [
            {
                **one,
                **part,
                "properties": one.get("properties", {}) | part.get("properties", {}),
                "required": [*one.get("required", ()), *part.get("required", ())],
            }
            for one in whole
            for part in parts
        ]
    return whole


def mismatches(inner: Node, outer: Node) -> Iterator[tuple[str, Any, Any]]:
    """Yield each keyword by which a value of `inner` may not be one of `outer`, with its values."""
    kinds = (inner.get("type"), outer.get("type"))
    if outer.get("type") is not None and kinds not in {(kinds[1], kinds[1]), ("integer", "number")}:
        yield "type", *(kind or "anything" for kind in kinds)
        return
    if "const" in outer and ("const" not in inner or inner["const"] != outer["const"]):
        yield "value", inner.get("const", "any"), outer["const"]
        return
    yield from narrower_bounds(inner, outer)
    yield from narrower_discriminator(inner.get("discriminator"), outer.get("discriminator"))
    for keyword in outer.keys() - NOT_COMPARED:
        if outer[keyword] not in (False, inner.get(keyword)) and not matches(inner, outer, keyword):
            yield keyword, inner.get(keyword), outer[keyword]


def matches(inner: Node, outer: Node, keyword: str) -> bool:
    value = inner.get("const")
    return (
        keyword == "pattern" and isinstance(value, str) and bool(re.search(outer[keyword], value))
    )


def narrower_bounds(inner: Node, outer: Node) -> Iterator[tuple[str, Any, Any]]:
    for kind in COUNTS:
        least, most = f"min{kind}", f"max{kind}"
        if inner.get(least, 0) < outer.get(least, 0):
            yield least, inner.get(least), outer[least]
        if inner.get(most, math.inf) > outer.get(most, math.inf):
            yield most, inner.get(most), outer[most]
    if lowest(inner) < lowest(outer):
        yield "minimum", lowest(inner)[0], lowest(outer)[0]
    if highest(inner) > highest(outer):
        yield "maximum", highest(inner)[0], highest(outer)[0]
    step = outer.get("multipleOf")
    if step and ("multipleOf" not in inner or inner["multipleOf"] % step):
        yield "multipleOf", inner.get("multipleOf"), step


def lowest(schema: Node) -> tuple[float, int]:
    """Return the lower bound, and 1 if it is excluded; so the larger pair allows less."""
    excluded = schema.get("exclusiveMinimum", -math.inf)
    pair = (excluded + 1, 0) if schema.get("type") == "integer" else (excluded, 1)
    return max((schema.get("minimum", -math.inf), 0), pair)


def highest(schema: Node) -> tuple[float, int]:
    """Return the upper bound, and -1 if it is excluded; so the smaller pair allows less."""
    excluded = schema.get("exclusiveMaximum", math.inf)
    pair = (excluded - 1, 0) if schema.get("type") == "integer" else (excluded, -1)
    return min((schema.get("maximum", math.inf), 0), pair)


def narrower_discriminator(
    inner: Node | None, outer: Node | None
) -> Iterator[tuple[str, Any, Any]]:
    if not inner or not outer:
        return
    if inner["propertyName"] != outer["propertyName"]:
        yield "discriminator", inner["propertyName"], outer["propertyName"]
    if (
        gone := inner.get("mapping", {}).keys()
        - outer.get("mapping", inner.get("mapping", {})).keys()
    ):
        yield "discriminator mapping", sorted(gone), "absent"
