"""Errors of requests that are malformed HTTP or exceed a bound checked before parsing."""

from app.errors import AppError, BadRequest, ContentTooLarge, UnsupportedMediaType


class RequestTimeout(AppError):
    """RFC 9110, section 15.5.9."""

    status = 408
    code = "request_timeout"
    title = "Request timeout"
    remedy = "Send the request again, all of it at once."


class UriTooLong(AppError):
    """RFC 9110, section 15.5.15."""

    status = 414
    code = "uri_too_long"
    title = "URI too long"
    remedy = "Send a shorter path and fewer or shorter query parameters."


class TooManyParameters(UriTooLong):
    code = "too_many_parameters"
    title = "Too many query parameters"
    remedy = "Send only the parameters that the documentation names, each once."


class HeadersTooLarge(AppError):
    """RFC 6585, section 5."""

    status = 431
    code = "headers_too_large"
    title = "Request header fields too large"
    remedy = "Send fewer or shorter header fields; cookies are the usual cause."


class UnsupportedContentCoding(UnsupportedMediaType):
    """RFC 9110, section 15.5.16: the response names the supported codings."""

    code = "unsupported_content_coding"
    title = "Unsupported content coding"
    remedy = "Send the body without a Content-Encoding."

    def __init__(self, detail: str | None = None) -> None:
        super().__init__(detail, headers={"Accept-Encoding": "identity"})


class TooManyValues(ContentTooLarge):
    """The body has more JSON values than allowed, within the limit of bytes."""

    code = "too_many_values"
    title = "Too many values"
    remedy = "Send fewer names and list elements at once, for example in several batches."


class NestedTooDeeply(BadRequest):
    code = "nested_too_deeply"
    title = "Nested too deeply"
    remedy = "Send objects and lists with fewer levels."
