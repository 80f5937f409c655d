"""Strict decoding of text in requests: a declared charset or UTF-8, else 422 with a pointer."""

import codecs
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from fastapi.exceptions import RequestValidationError

# Charsets that a form may declare: those that browsers and old programs send.
CHARSETS = frozenset({"ascii", "cp1252", "iso8859-1", "iso8859-15", "utf-8"})
FORM = "application/x-www-form-urlencoded"
CHARSET = re.compile(r";[ \t]*charset=\"?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)


def decoded(value: bytes, *location: str, charset: str = "utf-8") -> str:
    """Decode text strictly; `location` is that of the violation.

    Raises:
        RequestValidationError: the bytes are not in the charset, or the charset is not supported.
    """
    try:
        codec = codecs.lookup(charset).name
    except LookupError:
        codec = ""
    if codec not in CHARSETS:
        raise invalid_text(
            "charset_unsupported", f"Use one of {', '.join(sorted(CHARSETS))}", location
        )
    try:
        return value.decode(codec)
    except UnicodeDecodeError:
        raise invalid_text("text_encoding", f"The text is not in {codec}", location) from None


def invalid_text(code: str, message: str, location: tuple[str, ...]) -> RequestValidationError:
    return RequestValidationError([{"type": code, "loc": location, "msg": message}])


def declared_charset(content_type: str, default: str = "utf-8") -> str:
    """Return the charset parameter of a Content-Type, `default` if it has none."""
    found = CHARSET.search(content_type)
    return found[1] if found else default


def check_form(content_type: str, body: bytes) -> None:
    """Check a urlencoded body, which Starlette would decode with replacement characters.

    Raises:
        RequestValidationError: a name or a value is not UTF-8, or another charset is declared.
    """
    if content_type.partition(";")[0].strip().lower() != FORM:
        return
    if codecs_differ(charset := declared_charset(content_type)):
        raise invalid_text(
            "charset_unsupported", f"A form is sent in UTF-8, not {charset}", ("body",)
        )
    check_pairs(body)


def codecs_differ(charset: str) -> bool:
    """Return whether a charset is neither UTF-8 nor a subset of it."""
    try:
        return codecs.lookup(charset).name not in {"ascii", "utf-8"}
    except LookupError:
        return True


def check_pairs(encoded: bytes) -> None:
    """Check the percent-encoded pairs of a form.

    Raises:
        RequestValidationError: a name or a value is not UTF-8.
    """
    if b"%" not in encoded and encoded.isascii():
        return
    for name, value in pairs(encoded):
        location = decoded(name, "body")
        if not value.isascii():
            decoded(value, "body", location)


def pairs(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    for pair in encoded.split(b"&"):
        name, _, value = pair.replace(b"+", b" ").partition(b"=")
        yield unquote_to_bytes(name), unquote_to_bytes(value)
