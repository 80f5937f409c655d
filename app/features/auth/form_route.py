"""Strict reading of forms: rejects text that is not UTF-8, and repeated fields, with 422."""

import codecs
from collections import Counter
from collections.abc import Iterable, Iterator
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response

from app.http.charset import declared_charset, decoded, invalid_text
from app.http.routes import Handler, ServiceRoute

REPEATED = "The field may be sent once"
FORM = "application/x-www-form-urlencoded"


class FormRoute(ServiceRoute):
    """A route that rejects a form that is not in UTF-8, or repeats a field."""

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def check_and_handle(request: Request) -> Response:
            check_form(request.headers.get("content-type", ""), await request.body())
            check_names(name for name, _ in (await request.form()).multi_items())
            return await handler(request)

        return check_and_handle


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


def check_names(names: Iterable[str]) -> None:
    """Check that no field is repeated: layers in front may read another of its values.

    Raises:
        RequestValidationError: one is.
    """
    for name, count in Counter(names).items():
        if count > 1:
            raise invalid_text("repeated_field", REPEATED, ("body", name))


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
