"""Scope of webhooks, and the dependency that requires it."""

from typing import Annotated

from fastapi import Security

from app.security.authentication import authentication
from app.security.permissions import USERS, Scope
from app.security.principals import Principal

WEBHOOKS_MANAGE = Scope("webhooks:manage", "Manage your webhooks.", USERS)

WebhookManager = Annotated[Principal, Security(authentication, scopes=[WEBHOOKS_MANAGE.name])]
