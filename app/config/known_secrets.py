"""Guessable secrets: published ones, placeholders, and those that zxcvbn estimates to be weak."""

import re
from urllib.parse import parse_qs, unquote

from app.network.urls import one_host_each

# Public in this repository, and therefore rejected in production.
DEVELOPMENT_SECRET = "development-only-secret-never-use-it-in-production"
DEMO_PASSWORD = "demonstration-only"
# The secret in the tutorial of FastAPI, which is copied together with its code.
PUBLISHED = "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7"
PLACEHOLDER = re.compile(r"change.?(me|this|it)|your.?(own.?)?(secret|key)", re.IGNORECASE)
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

# Decimal digits of the number of guesses. Random ones need more: 27 for 32 hexadecimal digits, 12
# for 16 of them, and 10.8 for 12 letters and digits.
KEY_DIGITS, TOKEN_DIGITS, PASSWORD_DIGITS = 14, 12, 10
# The estimate takes 60 ms for so many characters, and more than in proportion for more.
MAX_ESTIMATED = 72


def is_known_secret(secret: str) -> bool:
    return secret == PUBLISHED or PLACEHOLDER.search(secret) is not None


def is_guessable(secret: str, digits: int, *words: str) -> bool:
    """Return whether fewer than 10^`digits` guesses find the secret, by words and patterns."""
    # Its import takes 50 ms and 15 MiB, and only production needs it.
    from zxcvbn import zxcvbn

    estimate = zxcvbn(secret[:MAX_ESTIMATED], user_inputs=[*words, DEMO_PASSWORD])
    return float(estimate["guesses_log10"]) < digits


def has_guessable_password(url: str) -> bool:
    """Return whether the URL has a guessable password; no password is not guessable.

    Any password is accepted for servers on loopback addresses.
    """
    logins = list(one_host_each(url))
    if all(login.hostname in LOOPBACK for login in logins):
        return False
    login = logins[0]
    password = unquote(login.password or "") or parse_qs(login.query).get("password", [""])[0]
    words = (login.username or "", login.hostname or "", login.path.strip("/"))
    return bool(password) and is_guessable(password, PASSWORD_DIGITS, *words)
