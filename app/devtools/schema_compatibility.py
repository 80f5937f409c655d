"""Compatibility of JSON schemas: what a schema allows, compared with what its old version did.

A request schema must allow every value that the old one allowed. A response schema must allow
nothing that the old one did not, except for new fields, which clients ignore. Both are the same
question in two directions: is each value of `inner` a value of `outer`? Keywords without a rule
here must be equal, so that an unknown one is reported and not let through.
"""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.devtools.schema_alternatives import ANNOTATIONS, Node, alternatives, resolve

Seen = frozenset[tuple[int, int]]
Mismatch = tuple[str, Any, Any]

COMPARED = frozenset(
    {
        *("type", "only", "discriminator", "multipleOf"),
        *("properties", "required", "items", "prefixItems", "additionalProperties"),
        *("minLength", "maxLength", "minItems", "maxItems", "minProperties", "maxProperties"),
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"),
    }
)


@dataclass(frozen=True, slots=True)
class SchemaComparison:
    """Two documents, in which the references of their schemas are resolved, and a direction."""

    old: Node
    new: Node
    is_request: bool

    def changes(self, old: Any, new: Any, place: str, seen: Seen = frozenset()) -> Iterator[str]:
        """Yield a sentence for each breaking change of a schema and of those below it."""
        old, new = resolve(old, self.old), resolve(new, self.new)
        pair = (id(old), id(new))
        if pair in seen:
            return  # A recursive schema, whose comparison is in progress.
        olds, news = alternatives(old, self.old), alternatives(new, self.new)
        for inner, outers in candidates(olds, news) if self.is_request else candidates(news, olds):
            found = [[*self._narrowed(inner, outer, place, seen | {pair})] for outer in outers]
            yield from min(found, key=len, default=[f"{place}: no value is allowed any more."])

    def _narrowed(self, inner: Node, outer: Node, place: str, seen: Seen) -> Iterator[str]:
        for keyword, one, other in mismatches(inner, outer):
            before, after = (one, other) if self.is_request else (other, one)
            yield f"{place}: {keyword} was {before}, is {after}."
        old, new = (inner, outer) if self.is_request else (outer, inner)
        yield from self._changed_fields(self._fields(old, self.old), new, place, seen)
        yield from self._changed_requirements(old, new, place)
        yield from self._changed_elements(old, new, place, seen)

    def _changed_fields(self, olds: Node, new: Node, place: str, seen: Seen) -> Iterator[str]:
        news = self._fields(new, self.new)
        for name, field in olds.items():
            if name not in news:
                yield f"{place}.{name}: the field is gone."
                continue
            yield from self.changes(field, news[name], f"{place}.{name}", seen)
            if self.is_request:
                yield from changed_default(field, news[name], f"{place}.{name}")

    def _changed_requirements(self, old: Node, new: Node, place: str) -> Iterator[str]:
        before, after = {*old.get("required", ())}, {*new.get("required", ())}
        if self.is_request:
            yield from (f"{place}.{name}: must now be sent." for name in after - before)
        else:
            kept = new.get("properties", {}).keys()
            yield from (f"{place}.{name}: may be missing." for name in (before - after) & kept)

    def _fields(self, schema: Node, document: Node) -> Node:
        """Return the fields, without those that exist only in the other direction."""
        hidden = "readOnly" if self.is_request else "writeOnly"
        fields: Node = schema.get("properties", {})
        return {
            name: each for name, each in fields.items() if not is_marked(each, hidden, document)
        }

    def _changed_elements(self, old: Node, new: Node, place: str, seen: Seen) -> Iterator[str]:
        for key, below in (("items", "[]"), ("additionalProperties", ".*")):
            before, after = old.get(key, True), new.get(key, True)
            # Clients ignore fields of responses that they do not know.
            is_ignored = key == "additionalProperties" and not self.is_request and before is False
            if (before, after) != (True, True) and not is_ignored:
                yield from self.changes(before, after, place + below, seen)
        before, after = old.get("prefixItems", []), new.get("prefixItems", [])
        for index, pair in enumerate(zip(before, after, strict=False)):
            yield from self.changes(*pair, f"{place}[{index}]", seen)


def is_marked(schema: Any, keyword: str, document: Node) -> bool:
    """Return whether the keyword is true beside the reference or in its target."""
    places = (schema, resolve(schema, document))
    return any(isinstance(each, dict) and each.get(keyword) is True for each in places)


def changed_default(old: Any, new: Any, place: str) -> Iterator[str]:
    """Yield a changed default of something that may be omitted."""
    before, after = (each.get("default") if isinstance(each, dict) else None for each in (old, new))
    if before is not None and before != after:
        yield f"{place}: default was {before}, is {after}."


def candidates(inners: list[Node], outers: list[Node]) -> Iterator[tuple[Node, list[Node]]]:
    """Yield each of `inners` with those of `outers` that it may be one of: by type, if any."""
    for inner in inners:
        types = {inner.get("type"), None, "number" if inner.get("type") == "integer" else None}
        yield inner, [each for each in outers if each.get("type") in types] or outers


def mismatches(inner: Node, outer: Node) -> Iterator[Mismatch]:
    """Yield each keyword by which a value of `inner` may be none of `outer`, with both values."""
    one, other = inner.get("type"), outer.get("type")
    if other not in {None, one} and (one, other) != ("integer", "number"):
        yield "type", one or "any", other
    elif "only" in outer and ("only" not in inner or inner["only"] != outer["only"]):
        yield "value", inner.get("only", "any"), outer["only"]
    else:
        yield from narrower_counts(inner, outer)
        yield from narrower_range(inner, outer)
        yield from narrower_discriminator(inner.get("discriminator"), outer.get("discriminator"))
        for key in sorted(outer.keys() - COMPARED - ANNOTATIONS):
            if outer[key] not in (False, inner.get(key)) and not has_match(inner, outer, key):
                yield key, inner.get(key), outer[key]


def has_match(inner: Node, outer: Node, key: str) -> bool:
    value = inner.get("only")
    return key == "pattern" and isinstance(value, str) and bool(re.search(outer[key], value))


def narrower_counts(inner: Node, outer: Node) -> Iterator[Mismatch]:
    for kind in ("Length", "Items", "Properties"):
        least, most = f"min{kind}", f"max{kind}"
        if inner.get(least, 0) < outer.get(least, 0):
            yield least, inner.get(least), outer[least]
        if inner.get(most, math.inf) > outer.get(most, math.inf):
            yield most, inner.get(most), outer[most]


def narrower_range(inner: Node, outer: Node) -> Iterator[Mismatch]:
    if lowest(inner) < lowest(outer):
        yield "minimum", lowest(inner)[0], lowest(outer)[0]
    if highest(inner) > highest(outer):
        yield "maximum", highest(inner)[0], highest(outer)[0]
    step = outer.get("multipleOf")
    if step and ("multipleOf" not in inner or inner["multipleOf"] % step):
        yield "multipleOf", inner.get("multipleOf"), step


def lowest(schema: Node) -> tuple[float, int]:
    """Return the lower bound, and 1 if it is excluded: the larger pair allows less."""
    least, excluded = (schema.get("minimum", -math.inf), 0), schema.get("exclusiveMinimum")
    if excluded is None:
        return least
    return max(least, (excluded + 1, 0) if schema.get("type") == "integer" else (excluded, 1))


def highest(schema: Node) -> tuple[float, int]:
    """Return the upper bound, and -1 if it is excluded: the smaller pair allows less."""
    most, excluded = (schema.get("maximum", math.inf), 0), schema.get("exclusiveMaximum")
    if excluded is None:
        return most
    return min(most, (excluded - 1, 0) if schema.get("type") == "integer" else (excluded, -1))


def narrower_discriminator(inner: Node | None, outer: Node | None) -> Iterator[Mismatch]:
    if not inner or not outer:
        return
    if inner["propertyName"] != outer["propertyName"]:
        yield "discriminator", inner["propertyName"], outer["propertyName"]
    mapped, known = (each.get("mapping", {}).keys() for each in (inner, outer))
    if known and mapped - known:
        yield "discriminator mapping", sorted(mapped - known), "absent"
