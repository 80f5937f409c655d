"""Lifespan: the password hasher with its threads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.features.users.passwords import PasswordHasher
from app.features.users.settings import UserSettings
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class UserResources:
    passwords: PasswordHasher


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[UserResources]:
    settings = startup.settings.of(UserSettings)
    passwords = PasswordHasher(max_concurrency=settings.password_hash_concurrency)
    try:
        yield UserResources(passwords)
    finally:
        passwords.close()
