"""Scope of items and categories, and the dependency that requires it."""

from typing import Annotated

from fastapi import Security

from app.security.authentication import authentication
from app.security.permissions import EVERY_ROLE, Scope
from app.security.principals import Principal

ITEMS_READ = Scope("items:read", "Read items and categories.", EVERY_ROLE)

ItemReader = Annotated[Principal, Security(authentication, scopes=[ITEMS_READ.name])]
