"""Log of failed database connections: the cause, once for each change, and never a password."""

import socket
import ssl
import time
from urllib.parse import urlsplit

import asyncpg

from app.db.errors import sqlstate
from app.observability.logging import get_logger

REPEAT_SECONDS = 30.0
# For errors without a message of their own.
REASONS: dict[type[BaseException], str] = {TimeoutError: "no response in time"}
MAX_CAUSES = 100
REMEDIES = {
    "28P01": "check the user name and the password in the URL",
    "28000": "check the user name in the URL, and what pg_hba.conf permits",
    "3D000": "check the database name in the URL, or create the database",
    "53300": "raise max_connections, or lower the sizes of the pools",
    "57P03": "wait until the server has started",
    "42704": "check options in the URL",
    "22023": "check options in the URL",
}
# The first entry of which the error is an instance applies.
REMEDIES_BY_CLASS: tuple[tuple[type[BaseException], str], ...] = (
    (socket.gaierror, "check the host name in the URL, and the name server"),
    (ssl.SSLError, "check sslmode and sslrootcert in the URL, and the certificate of the server"),
    (PermissionError, "let the service read this path; ~/.postgresql is below HOME"),
    (TimeoutError, "check the address in the URL, and firewalls in between"),
    (ConnectionRefusedError, "start the server, or check the address in the URL"),
    (asyncpg.TargetServerAttributeNotMatched, "check target_session_attrs in the URL"),
    (ConnectionError, "check sslmode in the URL, and whether the server offers TLS"),
)

log = get_logger("database")
Cause = dict[str, str]


class ConnectionLog:
    """Last cause of each database; one log per process, since all pools fail for one cause."""

    def __init__(self) -> None:
        self._causes: dict[str, Cause] = {}
        self._logged_at: dict[str, float] = {}

    def failed(self, url: str, error: BaseException) -> None:
        """Log the cause, unless it is unchanged or was logged within `REPEAT_SECONDS`."""
        place, cause = place_of(url), cause_of(error)
        if self._causes.get(place) != cause and self._is_due(f"{place} {cause}"):
            self._causes[place] = cause
            log.error("database connection failed", database=place, **cause)

    def succeeded(self, url: str) -> None:
        """Log the end of an outage."""
        place = place_of(url) if self._causes else ""
        if place in self._causes:
            del self._causes[place]
            log.warning("database connection restored", database=place)

    def _is_due(self, line: str) -> bool:
        now = time.monotonic()
        if now - self._logged_at.get(line, -REPEAT_SECONDS) < REPEAT_SECONDS:
            return False
        if len(self._logged_at) >= MAX_CAUSES:
            self._logged_at.clear()
        self._logged_at[line] = now
        return True


def place_of(url: str) -> str:
    """Return hosts and database name, without credentials and parameters."""
    parts = urlsplit(url)
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def cause_of(error: BaseException) -> Cause:
    """Return SQLSTATE, message of PostgreSQL or the system, path of a file, and a remedy."""
    state, path = sqlstate(error), getattr(error, "filename", None)
    found = {
        "sqlstate": state or "",
        "reason": str(error).partition("\n")[0] or REASONS.get(type(error), type(error).__name__),
        "path": str(path or ""),
        "remedy": REMEDIES.get(state or "") or remedy_for(error),
    }
    return {name: value for name, value in found.items() if value}


def remedy_for(error: BaseException) -> str:
    known = (remedy for kind, remedy in REMEDIES_BY_CLASS if isinstance(error, kind))
    return next(known, "")


CONNECTION_LOG = ConnectionLog()
