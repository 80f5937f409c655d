"""Scopes of rooms: the same as those of posts, which need not be enabled."""

from typing import Annotated

from fastapi import Security

from app.features.streams.authentication import stream_authentication
from app.security.permissions import EVERY_ROLE, USERS, Scope
from app.security.principals import Principal

POSTS_READ = Scope("posts:read", "Read published posts and your own drafts.", EVERY_ROLE)
POSTS_WRITE = Scope("posts:write", "Write posts and change your own.", USERS)

RoomReader = Annotated[Principal, Security(stream_authentication, scopes=[POSTS_READ.name])]
