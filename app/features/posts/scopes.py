"""Scopes of posts, and the dependencies that require them."""

from typing import Annotated

from fastapi import Security

from app.security.authentication import authentication
from app.security.permissions import EVERY_ROLE, USERS, Scope
from app.security.principals import Principal

POSTS_READ = Scope("posts:read", "Read published posts and your own drafts.", EVERY_ROLE)
POSTS_WRITE = Scope("posts:write", "Write posts and change your own.", USERS)

PostReader = Annotated[Principal, Security(authentication, scopes=[POSTS_READ.name])]
PostWriter = Annotated[Principal, Security(authentication, scopes=[POSTS_WRITE.name])]
