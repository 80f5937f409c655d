"""Errors of requests that this HTTP/1.1 server does not support."""

from app.errors import AppError


class ExpectationFailed(AppError):
    """RFC 9110, section 15.5.18."""

    status = 417
    code = "expectation_failed"
    title = "Expectation failed"
    remedy = "Send no Expect header, or `100-continue`."


class NotImplementedHere(AppError):
    """RFC 9110, section 15.6.2."""

    status = 501
    code = "not_implemented"
    title = "Not implemented"
    remedy = "Use a method that the documentation names, and no transfer coding but chunked."


class VersionNotSupported(AppError):
    """RFC 9110, section 15.6.6."""

    status = 505
    code = "http_version_not_supported"
    title = "HTTP version not supported"
    remedy = "Send the request as HTTP/1.1."
