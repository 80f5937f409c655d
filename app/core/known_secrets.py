"""Secrets that are none: they stand in tutorials, in examples and at the top of every list."""

import re
from urllib.parse import unquote

from app.core.urls import one_host_each

# The one in FastAPI's own tutorial, which is copied along with its code, and stand-ins.
PUBLISHED = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
STAND_IN = re.compile(r"change.?(me|this|it)|your.?(own.?)?(secret|key)", re.IGNORECASE)
PASSWORDS = frozenset(
    {
        "admin",
        "changeme",
        "changethis",
        "default",
        "example",
        "passw0rd",
        "password",
        "postgres",
        "root",
        "secret",
    }
)

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


def is_known_secret(secret: str) -> bool:
    return secret == PUBLISHED or STAND_IN.search(secret) is not None


def has_known_password(url: str) -> bool:
    """Whether the login in the URL has a password that is tried first; none is another matter.

    Of a server on this machine, which nobody else may be able to reach, any will do.
    """
    login = next(one_host_each(url))
    if login.hostname in LOOPBACK:
        return False
    password = unquote(login.password or "").lower()
    return password in PASSWORDS or (bool(password) and password == (login.username or "").lower())
