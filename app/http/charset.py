"""Strict decoding of text in requests: a declared charset or UTF-8, else 422 with a pointer."""

import codecs
import re

from fastapi.exceptions import RequestValidationError

# Charsets that a form may declare: those that browsers and old programs send.
CHARSETS = frozenset({"ascii", "cp1252", "iso8859-1", "iso8859-15", "utf-8"})
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
