"""Database errors: translation of PostgreSQL and driver errors to domain errors, by SQLSTATE.

Codes: PostgreSQL manual, appendix A. SQLAlchemy wraps most of them into a plain
DBAPIError, and refused connections and client-side timeouts arrive as builtins.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy.exc import DBAPIError

from app.db.schema_changes import SCHEMA_AGE, SCHEMA_CHANGED
from app.errors import AppError, Conflict, DeadlineExceeded, Unavailable, Unprocessable


class ConcurrentUpdate(Conflict):
    """PostgreSQL rolled back the transaction in favour of another: retrying it is safe."""

    code = "concurrent_update"
    title = "Concurrent update"
    remedy = "Repeat the request: another one changed the same rows at the same moment."


class SchemaChanged(Unavailable):
    """A migration changed the result type of a prepared statement: retrying it is safe."""

    code = "schema_changed"
    title = "The database schema has just changed"


class UniqueViolation(Conflict):
    """`constraint` is the name of the violated constraint, for a more specific domain error."""

    code = "already_exists"
    title = "Already exists"

    constraint: str | None = None


class ForeignKeyViolation(Conflict):
    """`constraint` is the name of the violated constraint."""

    code = "reference_conflict"
    title = "Reference conflict"
    remedy = "A referenced row does not exist, or the row to delete is still referenced."

    constraint: str | None = None


class ConstraintViolation(Unprocessable):
    code = "constraint_violation"
    title = "Constraint violation"


class StatementTimeout(DeadlineExceeded):
    code = "database_timeout"
    title = "The database took too long"


class LockTimeout(Unavailable):
    code = "lock_timeout"
    title = "The row is locked"


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    title = "The database is unavailable"


READ_ONLY = "25006"  # A statement that writes, on a server that is or became a replica.

# PostgreSQL rolled back the whole transaction for a reason that has passed: retry it.
REPEATABLE = (ConcurrentUpdate, SchemaChanged)

BY_SQLSTATE: dict[str, type[AppError]] = {
    "23505": UniqueViolation,
    "23P01": UniqueViolation,
    "23503": ForeignKeyViolation,
    "23001": ForeignKeyViolation,
    "23502": ConstraintViolation,
    "23514": ConstraintViolation,
    READ_ONLY: DatabaseUnavailable,
    "40001": ConcurrentUpdate,
    "40P01": ConcurrentUpdate,
    "55P03": LockTimeout,
    "42703": DatabaseUnavailable,  # undefined column: migrations have not run yet
    "42P01": DatabaseUnavailable,  # undefined table: likewise
    "57014": StatementTimeout,
    "25P03": StatementTimeout,
}
BY_CLASS: dict[str, type[AppError]] = {
    "08": DatabaseUnavailable,  # connection exception
    "22": ConstraintViolation,  # data exception
    "28": DatabaseUnavailable,  # invalid authorization: the service's own credentials
    "3D": DatabaseUnavailable,  # the database does not exist
    "53": DatabaseUnavailable,  # insufficient resources, too many connections
    "57": DatabaseUnavailable,  # operator intervention: shutdown, terminated backend
}


# A refused connection, an unreachable host or a lost connection, or no host that accepts writes.
UNREACHABLE = (OSError, asyncpg.InterfaceError, asyncpg.InternalClientError)


@contextmanager
def database_errors() -> Iterator[None]:
    """Translate driver errors raised in the block; others pass through.

    Raises:
        AppError: the translated error.
    """
    try:
        yield
    except Exception as error:
        translation = translate(error)
        if translation is None:
            raise
        raise translation from error


def translate(error: BaseException) -> AppError | None:
    """Return the domain error for a driver error, or None for any other."""
    if isinstance(driver_error(error), SCHEMA_CHANGED):
        SCHEMA_AGE.mark_changed()
        return SchemaChanged()
    state = sqlstate(error)
    if state is not None:
        return from_sqlstate(state, error)
    if isinstance(error, TimeoutError):
        return StatementTimeout()
    if is_unencodable(driver_error(error)):
        return ConstraintViolation()
    if isinstance(error, UNREACHABLE) or is_connection_lost(error):
        return DatabaseUnavailable()
    return None


def from_sqlstate(state: str, error: BaseException) -> AppError | None:
    kind = BY_SQLSTATE.get(state) or BY_CLASS.get(state[:2])
    translation = kind() if kind else None
    if isinstance(translation, UniqueViolation | ForeignKeyViolation):
        translation.constraint = getattr(driver_error(error), "constraint_name", None)
    return translation


def sqlstate(error: BaseException) -> str | None:
    state = getattr(driver_error(error), "sqlstate", None)
    return state if isinstance(state, str) else None


def driver_error(error: BaseException) -> BaseException:
    """Return asyncpg's own exception below SQLAlchemy's two wrappers."""
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig.__cause__ or error.orig
    return error


def is_unencodable(error: BaseException) -> bool:
    """Return whether asyncpg rejected a value before sending it: an integer out of range."""
    return isinstance(error, asyncpg.InterfaceError) and isinstance(error, ValueError)


def is_unusable_after(error: BaseException) -> bool:
    """Return whether the connection must not be reused.

    After a timeout the server may still be busy; one that became a replica rejects writes.
    """
    is_broken = isinstance(error, TimeoutError | asyncpg.InternalClientError)
    return is_broken or sqlstate(error) == READ_ONLY


def is_connection_lost(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and (
        error.connection_invalidated or isinstance(driver_error(error), asyncpg.InterfaceError)
    )
