"""CORS (Fetch standard): origins that may call the service, and headers their scripts may read.

Pages of ALLOWED_ORIGINS may send any header field: see docs/adr/0027-header-fields.md.
"""

import re

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import Settings
from app.errors import BadRequest
from app.http.header_fields import list_members
from app.http.problem_details import problem_response
from app.network.origins import parse_origin

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# Response headers beyond those that scripts may always read.
EXPOSED_HEADERS = (
    "Accept",
    "Accept-Encoding",
    "Accept-Patch",
    "Accept-Ranges",
    "Allow",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Range",
    "Date",
    "Deprecation",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "Sunset",
    "Vary",
    "WWW-Authenticate",
    "X-Process-Time",
    "X-Request-ID",
)
# The longest time that browsers cache a preflight response: Chromium limits it to two hours.
MAX_AGE_SECONDS = 7200
MAX_REQUESTED_HEADERS = 100
# RFC 9110, section 5.6.2.
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
VARY_ORIGIN = (b"vary", b"Origin")
VARY_PREFLIGHT = {
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
    "Access-Control-Request-Private-Network"
}


class CorsMiddleware(CORSMiddleware):
    """Starlette's, with origins compared as origins and a problem for a rejected preflight.

    Cookies and private networks are allowed for listed origins, not for `*`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        origins = settings.allowed_origins
        is_open = "*" in origins
        super().__init__(
            app,
            allow_origins=["*"] if is_open else origins,
            allow_methods=METHODS,
            allow_headers=["*"],
            allow_credentials=not is_open,
            allow_private_network=not is_open,
            expose_headers=EXPOSED_HEADERS,
            max_age=MAX_AGE_SECONDS,
        )
        self.listed_origins = frozenset(filter(None, map(parse_origin, origins)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Checked first: programs send no Origin, and the rest applies to browsers only.
        if any(name == b"origin" for name, _ in scope.get("headers", ())):
            await super().__call__(scope, receive, send)
            return
        if scope["type"] == "http" and self.listed_origins:
            scope["extra_headers"].append(VARY_ORIGIN)  # A cache may serve it to a browser.
        await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return self.allow_all_origins or parse_origin(origin) in self.listed_origins

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        names = list_members(request_headers.get("access-control-request-headers"))
        is_readable = len(names) <= MAX_REQUESTED_HEADERS and all(map(TOKEN.fullmatch, names))
        return (
            response
            if response.status_code < BadRequest.status and is_readable
            else RejectedPreflight()
        )


class RejectedPreflight(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        error = BadRequest(
            "The origin, method or header is not allowed here.", headers=VARY_PREFLIGHT
        )
        await problem_response(scope, error)(scope, receive, send)
