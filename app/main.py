"""Composition root: the only module that imports all the others."""

from fastapi import FastAPI

from app.config.settings import Settings, get_settings
from app.feature import Features, load_features
from app.http.middleware import (
    BodyLimitMiddleware,
    CatchAllMiddleware,
    HeadMiddleware,
    RequestContextMiddleware,
    security_headers,
)
from app.http.openapi import describe, info
from app.http.problem_details import register_error_handlers
from app.http.routes import mount, operation_id, restrict_paths
from app.lifespan import lifespan
from app.network.client_address import TrustedProxies
from app.observability.logging import configure_logging
from app.resources import Resources


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; nothing is opened before the lifespan starts."""
    settings, features = settings or get_settings(), load_features()
    configure_logging(settings)
    app = FastAPI(
        **info(settings, features.tags),
        debug=False,  # Starlette's debug pages would show tracebacks to the client.
        lifespan=lifespan,
        openapi_url=None,  # Served by the feature system, unless DOCS_ENABLED is false.
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
        telemetry=features.telemetry(settings),
    )
    app.state.resources = create_resources(settings, features)
    add_middleware(app, settings, features)
    register_error_handlers(app)
    include_routers(app, settings, features)
    describe(app)
    for feature in features:
        if feature.extend:
            feature.extend(app)
    return app


def create_resources(settings: Settings, features: Features) -> Resources:
    resources = Resources()
    composed = (features.problem_extensions, features.write_responses)
    for instance in (settings, *settings.features, features, *composed):
        resources.add(instance)
    return resources


def include_routers(app: FastAPI, settings: Settings, features: Features) -> None:
    """Mount the routers in the order of FEATURES; without the fast path each is tried in turn."""
    for router in features.routers:
        mount(app, router, prefix=settings.api_v1_str)
    for router in (router for feature in features for router in feature.root_routers):
        mount(app, router)
    if settings.environment != "production":
        from app.devtools import mail_pages  # Developer tools, which production does not load.

        mount(app, mail_pages.router)
    restrict_paths(app.router.routes)
    for create in (create for feature in features for create in feature.webhooks):
        app.webhooks.include_router(create(features))


def add_middleware(app: FastAPI, settings: Settings, features: Features) -> None:
    """Add the middleware, innermost first: a request passes them from the last to the first."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_anonymous_body_bytes)
    app.add_middleware(CatchAllMiddleware)
    for create in features.inner_middleware:
        app.add_middleware(create, settings)
    # Outside of what changes bodies, so that HEAD has the header fields of the GET.
    app.add_middleware(HeadMiddleware)
    for create in features.middleware:
        app.add_middleware(create, settings)
    is_production = settings.environment == "production"
    app.add_middleware(
        RequestContextMiddleware,
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


def __dir__() -> list[str]:
    """List `app` as well, for which `fastapi dev app/main.py` looks here."""
    return [*globals(), "app"]
