"""Hostile requests, generated from the OpenAPI document.

They leave as bytes, because every client library would reject or repair most of them.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

# In whatever is rejected, this must not come back.
CANARY = "canary-51c9e2"
METHODS = ("get", "put", "post", "patch", "delete")
# Streams have no end, and this one would end the session that the others are asked in.
LEFT_OUT = {"stream_events", "logout", "logout_everywhere", "delete_me"}
ODDS = 0.05

Place = tuple[str | int, ...]

JSON_VALUES = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "0", "-1", "1.5",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "1" * 5000,
    "123456789012345678901234567890.123", "0.001", "null", "true", "[]", "{}", '""', '" "',
    '"\\u0000"', '"a\\u0000b"', '"\\ud800"', '"\\udfff\\ud800"', '"\\ufffe\\uffff"',
    '"\\u202e\\u200b"', '"e\\u0301"', f'"{CANARY}"', f'["{CANARY}"]', f'{{"{CANARY}": 1}}',
    f'"{"x" * 100_000}"', "[" * 100_000 + "]" * 100_000, "[[],{},null,1e999]",
    '"2026-13-45T99:99:99Z"', '"0000-01-01T00:00:00Z"', '"9999-12-31T23:59:59.999999+23:59"',
    '"0001-01-01T00:00:00+23:59"', '"1e5"', '"NaN"', '"\'; DROP TABLE items; --"',
    '"{{7*7}}${7*7}"', '"../../etc/passwd"', '"\\r\\nSet-Cookie: a=b"', '"\\ud83d\\ude00"',
)  # fmt: skip
BODIES = (
    b"", b" ", b"null", b"[]", b"{}", b"0", b'"' + CANARY.encode() + b'"', b"{", b'{"a":',
    b'{"a" 1}', b"\xff\xfe{\x00}\x00", b"\xef\xbb\xbf{}", b'{"name": "\xff"}',
    b'{"name": "\xed\xa0\x80"}', b'{"name": 1, "name": 2}', b"[" * 100_000, b'{"a":' * 100_000,
    b"\x00", b"\x1f\x8b\x08" + b"\x00" * 50, b"{}" * 1000, b"'" + b"a" * 1_200_000 + b"'",
    b"a=b&c=d", b"--x\r\n\r\n--x--\r\n",
)  # fmt: skip
PARTS = (
    "%00", "a%00b", "%ff", "%ed%a0%80", "%F0%9F%92%A9", "..%2f..%2fetc%2fpasswd", "%2e%2e", "-1",
    "0", "9223372036854775808", "1e999", "NaN", "null", "true", "x" * 5000, "%20", "%E2%80%AE",
    CANARY, "%27%3B--", "00000000-0000-0000-0000-000000000000",
    "0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58", "0198F3C2-7D5E-7A41-9B0C-3F6F1D2E4A58",
    "{0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58}", "a@b.example", "%0d%0aSet-Cookie:a=b", "%25", "%zz",
    "%", "", ";", "+", "2026-01-01T00:00:00Z", "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59.999999-12:00", "2026-01-01", "-created_at,name,price", "csv",
    "created_at," * 50, "1,2,3", "-", "eyJhbGciOiJub25lIn0.e30.",
)  # fmt: skip
ODD = (
    "", "*", '"', '""', 'W/"1"', '"1"', '"99999999999999999999"', '"1", "2"', "\\", "a" * 4000,
    "bytes=0-0", "bytes=-0", "bytes=9999999999999999999-", "bytes=1-0,0-1", "lines=1-2", "bytes=",
    "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 99 Foo 9999 99:99:99 GMT", "\xe9\xff\x80", "a\tb",
    "1-1-1", "-1", "9" * 400, "00-" + "0" * 32 + "-" + "0" * 16 + "-01", "gzip;q=nan", "*/*;q=2",
    "text/html", "multipart/form-data", "multipart/form-data; boundary=",
    "application/json; charset=utf-16", "application/x-www-form-urlencoded", "Bearer", "Bearer  ",
    "Basic YTpi", "rk_a_b", "last_query=%00", 'last_query="\xff', "; =; a", "null",
    "https://evil.example", CANARY,
)  # fmt: skip
HEADERS = (
    "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range",
    "Idempotency-Key", "Accept", "Accept-Encoding", "Accept-Language", "Content-Type",
    "Content-Encoding", "X-Request-ID", "Authorization", "X-API-Key", "Cookie", "Origin", "Referer",
    "traceparent", "tracestate", "Last-Event-ID", "X-Forwarded-For", "X-Forwarded-Proto",
    "Forwarded", "Upgrade", "Prefer", "X-HTTP-Method-Override", "User-Agent", "Host",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the OpenAPI document."""

    name: str
    method: str
    path: str
    parameters: list[dict[str, Any]]
    media_type: str
    example: Any
    statuses: frozenset[int]


@dataclass(frozen=True, slots=True)
class HostileRequest:
    operation: Operation
    data: bytes


def operations(document: Mapping[str, Any]) -> list[Operation]:
    return [
        operation_of(path, method, shape)
        for path, shapes in document["paths"].items()
        for method, shape in shapes.items()
        if method in METHODS and shape["operationId"] not in LEFT_OUT
    ]


def operation_of(path: str, method: str, shape: Mapping[str, Any]) -> Operation:
    content = shape.get("requestBody", {}).get("content", {})
    media_type = next(iter(content), "")
    return Operation(
        shape["operationId"],
        method.upper(),
        path,
        shape.get("parameters", []),
        media_type,
        content[media_type].get("example") if media_type else None,
        frozenset(int(status) for status in shape["responses"]),
    )


class Attacker:
    """Makes requests, the same ones for the same seed."""

    def __init__(self, document: Mapping[str, Any], known: Mapping[str, str], seed: int) -> None:
        """`known` are ids that exist, by the names of path parameters."""
        self._operations = operations(document)
        self._known = known
        self._random = random.Random(seed)  # noqa: S311  (to be repeated, not to be secret)

    def requests(self, count: int, tokens: list[str]) -> Iterator[HostileRequest]:
        for _ in range(count):
            yield self.request(self._random.choice(self._operations), self._token(tokens))

    def request(self, operation: Operation, token: str) -> HostileRequest:
        headers = {"Host": "localhost", "Connection": "close"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        body = self._body(operation)
        if body or operation.media_type:
            headers["Content-Type"] = operation.media_type or "application/json"
            headers["Content-Length"] = str(len(body))
        if operation.media_type.startswith("multipart"):
            headers["Content-Type"] += "; boundary=x"
        for _ in range(self._random.choice((0, 0, 1, 1, 3))):
            headers[self._random.choice(HEADERS)] = self._random.choice(ODD)
        line = f"{operation.method} {self._path(operation)}{self._query(operation)} HTTP/1.1\r\n"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return HostileRequest(operation, f"{line}{lines}\r\n".encode("latin-1") + body)

    def _token(self, tokens: list[str]) -> str:
        return self._random.choice((*tokens, *tokens, ""))

    def _path(self, operation: Operation) -> str:
        path = operation.path
        for parameter in operation.parameters:
            if parameter["in"] == "path":
                known = self._known.get(parameter["name"], "a")
                part = self._random.choice((known, self._random.choice(PARTS)))
                path = path.replace(f"{{{parameter['name']}}}", part)
        return path

    def _query(self, operation: Operation) -> str:
        names = [each["name"] for each in operation.parameters if each["in"] == "query"]
        asked = self._random.sample(names, self._random.randint(0, min(3, len(names))))
        pairs = [f"{name}={self._random.choice(PARTS)}" for name in asked]
        if self._random.random() < ODDS:
            pairs.append(f"{CANARY}={self._random.choice(PARTS)}")
        return f"?{'&'.join(pairs)}" if pairs else ""

    def _body(self, operation: Operation) -> bytes:
        if not operation.media_type:
            return b"" if self._random.random() < 0.9 else self._random.choice(BODIES)
        if self._random.random() < 0.2:
            return self._random.choice(BODIES)
        if operation.media_type == "application/json":
            return self._json(operation.example)
        return self._form(operation)

    def _json(self, example: Any) -> bytes:
        """The example with none, one or a few of its values replaced."""
        places = list(places_of(example))
        few = self._random.choice((0, 1, 1, 1, 2))
        chosen = set(self._random.sample(places, min(few, len(places))))
        return self._written(example, (), chosen).encode()

    def _written(self, value: Any, place: Place, chosen: set[Place]) -> str:
        if place in chosen:
            return self._random.choice(JSON_VALUES)
        if isinstance(value, dict):
            members = [
                f"{json.dumps(name)}: {self._written(each, (*place, name), chosen)}"
                for name, each in value.items()
            ]
            odd = [f'"{CANARY}": 1'] if self._random.random() < ODDS else []
            return f"{{{', '.join(members + odd)}}}"
        if isinstance(value, list):
            parts = (
                self._written(each, (*place, index), chosen) for index, each in enumerate(value)
            )
            return f"[{', '.join(parts)}]"
        return json.dumps(value)

    def _form(self, operation: Operation) -> bytes:
        fields = operation.example or {}
        values = {
            name: self._random.choice((str(value), *PARTS[:12])) for name, value in fields.items()
        }
        if operation.media_type.startswith("multipart"):
            return b"".join(part_of(name, value) for name, value in values.items()) + b"--x--\r\n"
        return "&".join(f"{name}={value}" for name, value in values.items()).encode()


def places_of(value: Any, place: Place = ()) -> Iterator[Place]:
    """Where in the document something can be replaced, the whole of it included."""
    yield place
    if isinstance(value, dict):
        for name, each in value.items():
            yield from places_of(each, (*place, name))
    if isinstance(value, list):
        for index, each in enumerate(value):
            yield from places_of(each, (*place, index))


def part_of(name: str, value: str) -> bytes:
    filename = '; filename="a.txt"' if name in {"file", "files"} else ""
    head = f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'
    return head.encode() + value.encode() + b"\r\n"
