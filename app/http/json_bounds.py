"""Bounds on the structure of a JSON document, checked before it is parsed.

A parser needs memory and time for each value, and validation for each unknown name: a megabyte
of `{"a":1,"b":1,...}` costs a hundred times as much as a megabyte of text.
"""

from json import detect_encoding

from app.http.request_errors import NestedTooDeeply, TooManyValues

MAX_DEPTH = 32
# Up to this estimate, which includes strings, no exact count is needed.
MAX_UNCOUNTED = 32
NOT_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))
AS_BRACES = bytes.maketrans(b"[]", b"{}")
# Two quotes of a name, and two of its value.
QUOTES_PER_VALUE = 4


def check_structure(document: bytes, *, max_values: int) -> None:
    """Check the number of values and the nesting depth of a document.

    Malformed documents may pass, because the parser rejects them. It also accepts UTF-16 and
    UTF-32, where a part of a character may be the byte of a quote; no other JSON contains NUL.

    Raises:
        TooManyValues: the document has more than `max_values` values or strings.
        NestedTooDeeply: it has more than MAX_DEPTH levels.
    """
    if b"\0" in document:
        document = document.decode(detect_encoding(document), "replace").encode()
    if count_values(document) <= MAX_UNCOUNTED:
        return
    if b"\\" in document:
        # Escaped backslashes are removed first, because they do not escape a following quote.
        document = document.replace(b"\\\\", b"").replace(b'\\"', b"")
    has_many_strings = document.count(b'"') > QUOTES_PER_VALUE * max_values
    if has_many_strings or count_values(outside := outside_of_strings(document)) > max_values:
        raise TooManyValues(f"A body may have {max_values} values.")
    if is_deeper(outside):
        raise NestedTooDeeply(f"A body may have {MAX_DEPTH} levels.")


def count_values(document: bytes) -> int:
    """Return an upper bound of the number of values: each follows a separator or a bracket."""
    return document.count(b",") + document.count(b"[") + document.count(b"{")


def outside_of_strings(document: bytes) -> bytes:
    """Return the document without its strings, none of which has an escaped quote."""
    return b"".join(document.split(b'"')[::2])


def is_deeper(outside: bytes) -> bool:
    """Return whether brackets remain after the innermost are removed MAX_DEPTH times."""
    brackets = outside.translate(AS_BRACES, NOT_BRACKETS)
    for _ in range(MAX_DEPTH):
        brackets = brackets.replace(b"{}", b"")
    return bool(brackets)
