"""Scope of changes to items, and the dependency that requires it."""

from typing import Annotated

from fastapi import Security

from app.security.authentication import authentication
from app.security.permissions import USERS, Scope
from app.security.principals import Principal

ITEMS_WRITE = Scope("items:write", "Create items and change your own.", USERS)

ItemWriter = Annotated[Principal, Security(authentication, scopes=[ITEMS_WRITE.name])]
