"""Guessable secrets: published ones, placeholders, default passwords and predictable text."""

import re
from itertools import pairwise
from urllib.parse import parse_qs, unquote

from app.network.urls import one_host_each

# Public in this repository, and therefore rejected in production.
DEVELOPMENT_SECRET = "development-only-secret-never-use-it-in-production"
DEMO_PASSWORD = "demonstration-only"
# The secret in the tutorial of FastAPI, which is copied together with its code.
PUBLISHED = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
PLACEHOLDER = re.compile(r"change.?(me|this|it)|your.?(own.?)?(secret|key)", re.IGNORECASE)
PASSWORDS = frozenset(
    {
        "admin",
        "administrator",
        "changeit",
        "changeme",
        "changethis",
        "database",
        "default",
        "demo",
        "demonstration-only",
        "example",
        "letmein",
        "passw",
        "password",
        "postgres",
        "postgresql",
        "production",
        "qwerty",
        "root",
        "secret",
        "test",
        "welcome",
    }
)
MIN_PASSWORD = 8
LEET = str.maketrans("@$013457", "asoieast")
SUFFIX = re.compile(r"[\W\d_]+$")

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

ALPHABETS = ("01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
ADJACENT_PAIRS = frozenset(
    pair for each in ALPHABETS for run in (each, each[::-1]) for pair in pairwise(run)
)
# 32 random hexadecimal digits have 23 on average; a repeated word of 12 letters has fewer.
MIN_UNEXPECTED_PAIRS = 12


def is_known_secret(secret: str) -> bool:
    return secret == PUBLISHED or PLACEHOLDER.search(secret) is not None


def is_predictable(secret: str) -> bool:
    """Return whether most characters follow from their predecessors, as on a keyboard row."""
    seen = set[tuple[str, str]]()
    for pair in pairwise(secret.lower()):
        if pair[0] != pair[1] and pair not in ADJACENT_PAIRS:
            seen.add(pair)
    return len(seen) < MIN_UNEXPECTED_PAIRS


def has_guessable_password(url: str) -> bool:
    """Return whether the URL has a guessable password; no password is not guessable.

    Any password is accepted for servers on loopback addresses.
    """
    logins = list(one_host_each(url))
    if all(login.hostname in LOOPBACK for login in logins):
        return False
    login = logins[0]
    password = unquote(login.password or "") or parse_qs(login.query).get("password", [""])[0]
    names = {login.username or "", login.hostname or "", login.path.strip("/")}
    return bool(password) and is_guessable(password, {name.lower() for name in names if name})


def is_guessable(password: str, names: set[str]) -> bool:
    plain = password.lower()
    spellings = {plain, plain.translate(LEET)}
    stems = {SUFFIX.sub("", each) for each in (*spellings, SUFFIX.sub("", plain).translate(LEET))}
    return len(password) < MIN_PASSWORD or bool((spellings | stems) & (PASSWORDS | names))
