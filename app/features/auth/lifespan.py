"""Lifespan: token signer, and the login throttle with an engine of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.db.engine import create_engine
from app.db.session import create_sessionmaker
from app.features.auth.access_tokens import create_token_signer
from app.features.auth.login_throttle import COUNTED_AT_ONCE, LoginThrottle
from app.features.auth.refresh_tokens import RefreshTokens
from app.features.auth.resources import AuthResources
from app.features.auth.settings import AuthSettings
from app.features.auth.token_issuer import TokenIssuer
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[AuthResources]:
    settings = startup.settings
    signer = create_token_signer(settings)
    issuer = TokenIssuer(signer, RefreshTokens(settings.signing_secret))
    # A separate engine: a request that counts an attempt may already hold a connection of the
    # main pool, and many such requests would deadlock waiting for a second one.
    few = {"database_pool_size": COUNTED_AT_ONCE, "database_max_overflow": 0}
    engine = create_engine(settings.model_copy(update=few))
    limits = LoginThrottle(create_sessionmaker(engine), settings.of(AuthSettings))
    try:
        yield AuthResources(signer, issuer, limits)
    finally:
        await engine.dispose()
