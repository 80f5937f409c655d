"""Composition root: the only module that imports all the others."""

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig

from app.config.settings import Settings, get_settings
from app.fastpath.route_table import index_routes
from app.feature import Features, load_features
from app.http import system
from app.http.compression import CompressionMiddleware
from app.http.cors import CorsMiddleware
from app.http.header_check import HeaderCheckMiddleware
from app.http.load_shedding.concurrency_limit import ConcurrencyLimit
from app.http.load_shedding.middleware import PROBES, LoadSheddingMiddleware
from app.http.middleware import (
    BodyLimitMiddleware,
    CatchAllMiddleware,
    EnvelopeMiddleware,
    HeadMiddleware,
    security_headers,
)
from app.http.openapi.document import describe, operation_id
from app.http.problem_details import register_error_handlers
from app.http.static_files import StaticFiles
from app.instrumentation import Tracing
from app.lifespan import lifespan
from app.observability import prometheus
from app.observability.logging import configure_logging
from app.resources import Resources
from app.security.client_address import TrustedProxies

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider  # A large import that is rarely needed.

GZIP_MINIMUM_BYTES = 1400  # One packet: a smaller response does not arrive sooner.


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; nothing is opened before the lifespan starts."""
    settings, features = settings or get_settings(), load_features()
    log_writer, tracing = configure_logging(settings), create_tracing(settings)
    app = FastAPI(
        title=settings.project_name,
        version=settings.version,
        description=settings.description,
        debug=False,  # Starlette's debug pages would show tracebacks to the client.
        lifespan=lifespan,
        openapi_url=None,  # app/http/html.py serves it and the pages, and can disable them.
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        telemetry=telemetry(tracing),
    )
    limit = ConcurrencyLimit(settings)
    static_files = StaticFiles(features.static)
    app.state.resources = create_resources(
        settings, features, static_files, limit, log_writer, Tracing(tracing)
    )
    add_middleware(app, settings, limit)
    register_error_handlers(app)
    include_routers(app, settings, features)
    index_routes(app)
    describe(app, features.tags, features.permissions.descriptions)
    return app


def create_resources(settings: Settings, features: Features, *others: object) -> Resources:
    resources = Resources()
    declared = (settings, *settings.features, features, features.problem_extensions)
    for instance in (*declared, *others):
        resources.add(instance)
    return resources


def create_tracing(settings: Settings) -> "TracerProvider | None":
    if not settings.traces_endpoint:
        return None
    from app.observability.trace_export import (
        create_provider,  # The SDK is a large import that is rarely needed.
    )

    return create_provider(settings)


def telemetry(tracing: "TracerProvider | None") -> TelemetryConfig:
    """Enable the spans of FastAPI, without its metrics and logs: see ADR 0013."""
    return {
        "tracing": tracing is not None,
        "tracer_provider": tracing,
        "metrics": False,
        "logs": False,
        "auto_configure": False,
        "exclude": lambda scope: scope["path"] in PROBES,
    }


def include_routers(app: FastAPI, settings: Settings, features: Features) -> None:
    """Mount the routers in the order of FEATURES; each route before the right one is tried."""
    for router in features.routers:
        app.include_router(router, prefix=settings.api_v1_str)
    app.include_router(system.router)
    if settings.metrics_enabled:
        app.include_router(prometheus.router)
    for router in (router for feature in features for router in feature.root_routers):
        app.include_router(router)
    if settings.environment != "production":
        from app.devtools import mail_pages  # Developer tools, which production does not load.

        app.include_router(mail_pages.router)


def add_middleware(app: FastAPI, settings: Settings, limit: ConcurrencyLimit) -> None:
    """Add the middleware, innermost first: a request passes them from the last to the first."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_anonymous_body_bytes)
    app.add_middleware(CatchAllMiddleware)
    app.add_middleware(CompressionMiddleware, minimum_size=GZIP_MINIMUM_BYTES, compresslevel=5)
    # Outside compression, so that HEAD has the header fields of the compressed GET.
    app.add_middleware(HeadMiddleware)
    # Inside CORS, so that scripts in browsers can read the rejection.
    app.add_middleware(
        LoadSheddingMiddleware, limit=limit, timeout_seconds=settings.request_timeout_seconds
    )
    app.add_middleware(HeaderCheckMiddleware)
    app.add_middleware(CorsMiddleware, origins=settings.allowed_origins)
    is_production = settings.environment == "production"
    app.add_middleware(
        EnvelopeMiddleware,
        security_headers=security_headers(is_production=is_production),
        proxies=TrustedProxies.parse(settings.forwarded_allow_ips),
    )


def __getattr__(name: str) -> FastAPI:
    """Create `app` when a server asks for it, as in `uvicorn app.main:app` (PEP 562).

    An import of this module for `create_app` builds nothing.
    """
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    settings = get_settings()
    if settings.environment == "development":
        from app.devtools.standalone import create_standalone_app  # As above.

        app = create_standalone_app(settings)
    else:
        app = create_app(settings)
    globals()[name] = app  # uvicorn asks twice.
    return app
