"""Lifespan: token signer, and the login throttle on reserved connections."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from app.db.resources import DatabaseResources
from app.features.auth.access_tokens import create_token_signer
from app.features.auth.login_throttle import LoginThrottle
from app.features.auth.refresh_tokens import RefreshTokens
from app.features.auth.resources import AuthResources
from app.features.auth.token_issuer import TokenIssuer
from app.startup import Startup


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[AuthResources]:
    settings = startup.settings
    signer = create_token_signer(settings)
    issuer = TokenIssuer(signer, RefreshTokens(settings.signing_secret))
    # From the reserve: a request that counts an attempt may already hold a connection, and many
    # such requests would deadlock waiting for a second one.
    units_of_work = startup.resources[DatabaseResources].units_of_work
    reserved = replace(units_of_work, share=units_of_work.pool.reserve)
    yield AuthResources(signer, issuer, LoginThrottle(reserved, settings))
