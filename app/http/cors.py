"""CORS (Fetch standard): which pages may call the service, and what their scripts may read.

Pages of ALLOWED_ORIGINS may send any header field: see docs/adr/0027-header-fields.md.
"""

from collections.abc import Collection

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.errors import BadRequest
from app.http.header_fields import are_tokens, list_members
from app.http.origins import parse_origin
from app.http.problem_details import problem_response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
# What answers carry beyond the fields that scripts may read anyway.
EXPOSED_HEADERS = (
    "Accept",
    "Accept-Encoding",
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
# The longest that browsers keep the answer to a preflight: Chromium cuts off at two hours.
MAX_AGE_SECONDS = 7200
MAX_REQUESTED_HEADERS = 100
VARY_ORIGIN = (b"vary", b"Origin")
VARY_PREFLIGHT = {
    "Vary": "Origin, Access-Control-Request-Method, Access-Control-Request-Headers, "
    "Access-Control-Request-Private-Network"
}


class CorsMiddleware(CORSMiddleware):
    """Starlette's, with origins compared as origins and a problem where a preflight is refused.

    Cookies and private networks are for origins that are named, not for `*`.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
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
        self.named_origins = frozenset(filter(None, map(parse_origin, origins)))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Checked first, because programs send no Origin and all the rest is for browsers.
        if any(name == b"origin" for name, _ in scope.get("headers", ())):
            await super().__call__(scope, receive, send)
            return
        if scope["type"] == "http" and self.named_origins:
            scope["extra_headers"].append(VARY_ORIGIN)  # A cache may serve it to a page.
        await self.app(scope, receive, send)

    def is_allowed_origin(self, origin: str) -> bool:
        return self.allow_all_origins or parse_origin(origin) in self.named_origins

    def preflight_response(self, request_headers: Headers) -> Response:
        response = super().preflight_response(request_headers)
        names = list_members(request_headers.get("access-control-request-headers"))
        is_readable = len(names) <= MAX_REQUESTED_HEADERS and are_tokens(names)
        return (
            response
            if response.status_code < BadRequest.status and is_readable
            else RefusedPreflight()
        )


class RefusedPreflight(Response):
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refused = BadRequest(
            "The origin, method or header is not allowed here.", headers=VARY_PREFLIGHT
        )
        await problem_response(scope, refused)(scope, receive, send)
