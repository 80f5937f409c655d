"""Scopes of files, and the dependencies that require them."""

from typing import Annotated

from fastapi import Security

from app.security.authentication import authentication
from app.security.permissions import EVERY_ROLE, USERS, Scope
from app.security.principals import Principal

FILES_READ = Scope("files:read", "Read files.", EVERY_ROLE)
FILES_WRITE = Scope("files:write", "Upload files and delete your own.", USERS)

FileReader = Annotated[Principal, Security(authentication, scopes=[FILES_READ.name])]
FileWriter = Annotated[Principal, Security(authentication, scopes=[FILES_WRITE.name])]
