"""Grammar of HTTP header fields (RFC 9110, section 5): lines, lists, parameters and weights.

Pure functions over raw header lines as ASGI passes them, with lower-case names. Every pattern is
linear in the length of the field, because clients choose what they send.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

RawHeaders = Iterable[tuple[bytes, bytes]]

BLANKS = " \t"
# A quoted string that is never closed extends to the end, so that no pattern backtracks.
QUOTED = r'"(?:[^"\\]|\\.)*+(?:"|\\?$)'
MEMBER = re.compile(rf"(?:{QUOTED}|[^,])+", re.DOTALL)
PARAMETER = re.compile(rf"(?:{QUOTED}|[^;])+", re.DOTALL)
QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


@dataclass(frozen=True, slots=True)
class Parameterized:
    """A value with parameters: `text/html;level=1;q=0.4`. Value and names are in lower case."""

    value: str
    parameters: dict[str, str]

    @property
    def weight(self) -> float:
        """The preference of the client; 0 if it rejects the value or the weight is malformed."""
        given = self.parameters.get("q", "1")
        return float(given) if WEIGHT.fullmatch(given) else 0.0


def field_value(headers: RawHeaders, name: bytes) -> str | None:
    """Return all lines of a field as one value (RFC 9110, section 5.3), None without a line."""
    lines = [value.decode("latin-1").strip(BLANKS) for key, value in headers if key == name]
    return ", ".join(lines) if lines else None


def list_members(value: str | None) -> list[str]:
    """Split at commas outside quoted strings; empty members are dropped (section 5.6.1)."""
    found = (match[0].strip(BLANKS) for match in MEMBER.finditer(value or ""))
    return [member for member in found if member]


def parameterized(text: str) -> Parameterized:
    """Split a value from its parameters (section 5.6.6); the first of a name wins."""
    value, *rest = [match[0].strip(BLANKS) for match in PARAMETER.finditer(text)] or [""]
    parameters: dict[str, str] = {}
    for each in rest:
        name, _, given = each.partition("=")
        parameters.setdefault(name.strip(BLANKS).lower(), unquoted(given.strip(BLANKS)))
    return Parameterized(value.lower(), parameters)


def unquoted(value: str) -> str:
    """Return the text of a quoted string (section 5.6.4), and a token unchanged."""
    is_quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return QUOTED_PAIR.sub(r"\1", value[1:-1]) if is_quoted else value


def media_type(value: str | None) -> str:
    """Return the media type of a Content-Type without its parameters, in lower case."""
    return parameterized(value or "").value


# Most clients send one of a few values.
@lru_cache(maxsize=64)
def accepts_gzip(value: str | None) -> bool:
    """Return whether Accept-Encoding prefers gzip to no coding (RFC 9110, section 12.5.3)."""
    weights = {each.value: each.weight for each in map(parameterized, list_members(value))}
    any_weight = weights.get("*", 0.0)
    gzip = weights.get("gzip", weights.get("x-gzip", any_weight))
    return gzip > 0 and gzip >= weights.get("identity", 0.0)


def preferred_media_type(accept: str | None, offered: Collection[str]) -> str | None:
    """Return the offer with the highest weight in Accept, None if the client accepts none."""
    ranges = [parameterized(each) for each in list_members(accept)] if accept else []
    if not ranges:
        return next(iter(offered))
    weights = {offer: offer_weight(offer, ranges) for offer in offered}
    best = max(weights, key=lambda offer: weights[offer])
    return best if weights[best] > 0 else None


def offer_weight(offer: str, ranges: Iterable[Parameterized]) -> float:
    """Return the weight of the most specific matching range (RFC 9110, section 12.5.1)."""
    by_value = {each.value: each.weight for each in ranges}
    kinds = (offer, f"{offer.partition('/')[0]}/*", "*/*")
    return next((by_value[kind] for kind in kinds if kind in by_value), 0.0)
