"""Lifespan: the password hasher with its threads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from app.features.users.passwords import PasswordHasher
from app.startup import Startup


@dataclass(frozen=True, slots=True)
class UserResources:
    passwords: PasswordHasher


@asynccontextmanager
async def lifespan(startup: Startup) -> AsyncIterator[UserResources]:
    passwords = PasswordHasher(max_concurrency=startup.settings.password_hash_concurrency)
    try:
        yield UserResources(passwords)
    finally:
        passwords.close()
