"""The composition root: the only module that knows all the others."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from redis.asyncio import Redis

from app.api import account_pages, system, well_known
from app.api.compression import CompressionMiddleware
from app.api.errors import register_error_handlers
from app.api.middleware import (
    BodyLimitMiddleware,
    CatchAllMiddleware,
    CorsMiddleware,
    EnvelopeMiddleware,
    HeadMiddleware,
    security_headers,
)
from app.api.openapi import describe, operation_id
from app.api.v1.router import router as v1
from app.api.v2.router import router as v2
from app.core.config import Settings, get_settings
from app.core.cursors import CursorSigner
from app.core.logging import configure_logging
from app.core.passwords import PasswordHasher
from app.core.principal_cache import PrincipalCache
from app.core.rate_limit import LocalWindows, Policy
from app.core.refresh_tokens import RefreshTokens
from app.core.sealing import Sealer
from app.core.signing_keys import signing_keys
from app.core.tokens import TokenSigner
from app.crud import mails, sessions
from app.db.engine import connect, create_engine
from app.db.notifications import Listener
from app.db.reads import ReadPool
from app.db.session import create_sessionmaker
from app.dependencies.credentials import TokenIssuer
from app.dependencies.guessing import GuessLimits
from app.integrations.mail import FolderMailer
from app.integrations.object_storage import create_storage
from app.integrations.redis import RedisListener, RedisPublisher, RedisWindows, create_redis
from app.jobs.housekeeping import Housekeeping
from app.jobs.mail_delivery import MailDelivery

GZIP_MINIMUM_BYTES = 1400  # One packet: below that nothing arrives any sooner.


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the application; nothing is opened before the lifespan starts."""
    settings = settings or get_settings()
    configure_logging(settings)
    app = FastAPI(
        title=settings.project_name,
        version=settings.version,
        description=settings.description,
        debug=False,  # Starlette's debug pages would show tracebacks to the client.
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    app.state.settings = settings
    add_middleware(app, settings)
    register_error_handlers(app)
    app.include_router(v1, prefix=settings.api_v1_str)
    app.include_router(v2)
    app.include_router(system.router)
    app.include_router(well_known.router)
    app.include_router(account_pages.router)
    describe(app)
    return app


def add_middleware(app: FastAPI, settings: Settings) -> None:
    """Innermost first: a request meets them from the last to the first."""
    app.add_middleware(BodyLimitMiddleware, max_bytes=settings.max_body_bytes)
    app.add_middleware(CatchAllMiddleware)
    app.add_middleware(HeadMiddleware)
    app.add_middleware(CompressionMiddleware, minimum_size=GZIP_MINIMUM_BYTES, compresslevel=5)
    app.add_middleware(
        CorsMiddleware,
        allow_origins=settings.allowed_origins,
        allow_credentials=True,
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
        allow_headers=["Authorization", "Content-Type", "If-Match", "X-API-Key", "X-Request-ID"],
        expose_headers=[
            "Content-Disposition",
            "Content-Range",
            "ETag",
            "Link",
            "Location",
            "Retry-After",
            "X-Request-ID",
        ],
    )
    is_production = settings.environment == "production"
    app.add_middleware(
        EnvelopeMiddleware, security_headers=security_headers(is_production=is_production)
    )


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Own what lives as long as the process.

    Opens no connection itself: the service starts while the database is down, and is
    ready as soon as it returns.
    """
    settings: Settings = app.state.settings
    async with AsyncExitStack() as stack:
        redis = open_redis(settings, stack)
        open_database(app, settings, redis, stack)
        open_identity(app, settings, redis, stack)
        open_storage(app, settings)
        open_background(app, settings, stack)
        yield


def open_redis(settings: Settings, stack: AsyncExitStack) -> Redis | None:
    if not settings.redis_url:
        return None
    redis = create_redis(settings.redis_url)
    stack.push_async_callback(redis.aclose)
    return redis


def open_database(
    app: FastAPI, settings: Settings, redis: Redis | None, stack: AsyncExitStack
) -> None:
    engine = create_engine(settings)
    publish = RedisPublisher(redis) if redis else None
    app.state.handlers = {}
    app.state.sessionmaker = create_sessionmaker(engine, publish, app.state.handlers)
    app.state.reads = create_reads(settings)
    app.state.cursor_signer = CursorSigner(settings.signing_secret)
    app.state.sealer = Sealer(settings.signing_secret)
    stack.push_async_callback(engine.dispose)
    stack.push_async_callback(app.state.reads.close)


def open_identity(
    app: FastAPI, settings: Settings, redis: Redis | None, stack: AsyncExitStack
) -> None:
    app.state.passwords = PasswordHasher(max_concurrency=settings.password_hash_concurrency)
    app.state.principals = PrincipalCache()
    app.state.token_signer = create_token_signer(settings)
    app.state.token_issuer = TokenIssuer(
        app.state.token_signer, RefreshTokens(settings.signing_secret)
    )
    app.state.rate_limit = create_rate_limit(settings, redis)
    app.state.guess_limits = GuessLimits(
        app.state.sessionmaker, per_address=settings.attempts_per_address
    )
    stack.callback(app.state.passwords.close)


def create_rate_limit(
    settings: Settings, redis: Redis | None
) -> LocalWindows | RedisWindows | None:
    if not settings.rate_limit_enabled:
        return None
    policy = Policy.parse(settings.rate_limit_default)
    return RedisWindows(redis, policy) if redis else LocalWindows(policy)


def open_storage(app: FastAPI, settings: Settings) -> None:
    app.state.storage = create_storage(settings.storage_url)


def open_background(app: FastAPI, settings: Settings, stack: AsyncExitStack) -> None:
    app.state.mail_delivery = MailDelivery(
        app.state.sessionmaker,
        FolderMailer(settings.mail_folder),
        sender=settings.mail_sender,
        public_url=settings.public_url,
    )
    app.state.handlers[sessions.CHANNEL] = lambda user_id: app.state.principals.forget(
        uuid.UUID(user_id)
    )
    app.state.handlers[mails.CHANNEL] = app.state.mail_delivery.wake
    listener = create_listener(app, settings)
    housekeeping = Housekeeping(app.state.sessionmaker)
    for task in (listener, app.state.mail_delivery, housekeeping):
        task.start()
        stack.push_async_callback(task.close)


def create_listener(app: FastAPI, settings: Settings) -> Listener | RedisListener:
    handlers, forget_all = app.state.handlers, app.state.principals.clear
    if settings.redis_url:
        return RedisListener(settings.redis_url, handlers, on_reconnect=forget_all)
    opened = partial(connect, settings, settings.database_url)
    return Listener(opened, handlers, on_reconnect=forget_all)


def create_reads(settings: Settings) -> ReadPool:
    return ReadPool(
        partial(connect, settings, settings.database_url),
        size=settings.database_read_pool_size,
        wait_seconds=settings.database_pool_timeout_seconds,
        recycle_seconds=settings.database_pool_recycle_seconds,
    )


def create_token_signer(settings: Settings) -> TokenSigner:
    current, *previous = signing_keys(settings)
    return TokenSigner(
        current,
        previous,
        issuer=settings.project_name,
        audience=settings.project_name,
        lifetime_seconds=settings.access_token_expire_minutes * 60,
    )
