"""Queries and changes of the api_keys table. Flushes; never commits."""

import hmac
import secrets
import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Uuid,
    any_,
    bindparam,
    delete,
    func,
    or_,
    select,
    true,
    update,
)

from app.db.executor import CompiledStatement, PoolReader, columns_of
from app.db.listing import Listing, PageRequest, PageRows
from app.db.unit_of_work import UnitOfWork
from app.errors import found
from app.features.api_keys.models import (
    ApiKey,
    ApiKeyPrincipalRow,
    ApiKeyRow,
    TooManyApiKeys,
)
from app.features.api_keys.schemas import ApiKeyCreate
from app.features.users.crud.sessions import IS_USABLE, invalidate_principal
from app.features.users.models.user import User
from app.runtime.clock import now
from app.security.authenticators import LiveCredentialRow
from app.security.principals import Credential
from app.security.secrets import digest, new_secret

USED_EVERY = timedelta(minutes=1)
# The owner sees an expired key for so long.
RETENTION = timedelta(days=30)

IS_LIVE = ApiKey.revoked_at.is_(None) & or_(
    ApiKey.expires_at.is_(None), ApiKey.expires_at > func.now()
)

PRINCIPAL = CompiledStatement[ApiKeyPrincipalRow](
    select(
        ApiKey.id.label("api_key_id"),
        ApiKey.prefix,
        ApiKey.secret_hash,
        ApiKey.scopes,
        ApiKey.created_at,
        ApiKey.expires_at,
        User.id.label("user_id"),
        User.role,
        User.email_verified,
    )
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.prefix == bindparam("prefix"), IS_LIVE, IS_USABLE)
)

LIVE = CompiledStatement[LiveCredentialRow](
    select(ApiKey.id, ApiKey.prefix.label("version"), User.role, User.email_verified)
    .join(User, User.id == ApiKey.user_id)
    .where(ApiKey.id == any_(bindparam("ids", type_=ARRAY(Uuid()))), IS_LIVE, IS_USABLE)
)

LISTING = Listing[ApiKeyRow](
    columns_of(ApiKey, ApiKeyRow),
    where=[ApiKey.revoked_at.is_(None)],
    filters={"user_id": lambda: ApiKey.user_id == bindparam("user_id")},
    sorts={"created_at": ApiKey.created_at, "name": ApiKey.name},
    default_sort=("-created_at",),
    key=ApiKey.id,
)


async def find_principal(reads: PoolReader, key: str) -> ApiKeyPrincipalRow | None:
    """Return the key and its user if both are usable, else None."""
    marker, _, rest = key.partition("_")
    prefix, _, secret = rest.partition("_")
    row = await reads.first(PRINCIPAL, prefix=prefix) if marker == "rk" and secret else None
    is_valid = row is not None and hmac.compare_digest(row["secret_hash"], digest(secret))
    return row if is_valid else None


async def find_live(
    reads: PoolReader, api_key_ids: Collection[uuid.UUID]
) -> Sequence[LiveCredentialRow]:
    """Return those of the keys that live; rotation changes their version."""
    return await reads.all(LIVE, ids=list(api_key_ids))


async def record_use(uow: UnitOfWork, api_key_id: uuid.UUID) -> None:
    """Store the time of the last use, at most once per minute."""
    await uow.session.execute(
        update(ApiKey)
        .where(ApiKey.id == api_key_id)
        .where(or_(ApiKey.last_used_at.is_(None), ApiKey.last_used_at < func.now() - USED_EVERY))
        .values(last_used_at=func.now())
    )


async def list_page(
    reads: PoolReader, request: PageRequest, *, user_id: uuid.UUID
) -> PageRows[ApiKeyRow]:
    """Return one page of the user's keys that were not revoked."""
    return await LISTING.page(reads, request, {"user_id": user_id})


async def create(
    uow: UnitOfWork,
    data: ApiKeyCreate,
    *,
    user_id: uuid.UUID,
    expires_at: datetime,
    limit: int,
) -> tuple[ApiKey, str]:
    """Create a key; return it and its text, which is not stored.

    The caller must hold the account lock, or concurrent requests could exceed the limit.

    Raises:
        TooManyApiKeys: the user has `limit` live keys.
    """
    count = select(func.count(ApiKey.id)).where(ApiKey.user_id == user_id, IS_LIVE)
    if (await uow.session.scalar(count) or 0) >= limit:
        raise TooManyApiKeys(f"An account has at most {limit} API keys.")
    row = ApiKey(user_id=user_id, name=data.name, scopes=list(data.scopes), expires_at=expires_at)
    uow.session.add(row)
    return row, await set_secret(uow, row)


async def rotate(uow: UnitOfWork, row: ApiKey) -> str:
    """Replace the key's text and return the new one; the old one is invalid at once."""
    await invalidate_principal(uow, row.user_id)
    return await set_secret(uow, row)


async def revoke(uow: UnitOfWork, row: ApiKey) -> None:
    row.revoked_at = now()
    await uow.session.flush()
    await invalidate_principal(uow, row.user_id)


async def is_live(uow: UnitOfWork, key: Credential) -> bool:
    """Return whether the key is usable and not rotated; the caller must hold the account lock."""
    statement = select(ApiKey.id).join(User, User.id == ApiKey.user_id)
    is_same = (ApiKey.id == key.id) & (ApiKey.prefix == key.version)
    return await uow.session.scalar(statement.where(is_same, IS_LIVE, IS_USABLE)) is not None


async def revoke_all(uow: UnitOfWork, user_id: uuid.UUID) -> None:
    """Revoke every key of the user."""
    await revoke_where(uow, user_id, true())


async def revoke_beyond(uow: UnitOfWork, user_id: uuid.UUID, scopes: Collection[str]) -> None:
    """Revoke the user's keys that have a scope other than these."""
    is_within = ApiKey.scopes.contained_by(sorted(scopes))
    await revoke_where(uow, user_id, ~is_within)


async def revoke_where(uow: UnitOfWork, user_id: uuid.UUID, condition: ColumnElement[bool]) -> None:
    await uow.session.execute(
        update(ApiKey)
        .where(ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None), condition)
        .values(revoked_at=func.now())
        .execution_options(synchronize_session=False)
    )
    await invalidate_principal(uow, user_id)


async def delete_old(uow: UnitOfWork) -> None:
    """Delete keys that expired or were revoked long ago; the audit log keeps their history."""
    ended_at = func.least(ApiKey.expires_at, ApiKey.revoked_at)
    await uow.session.execute(delete(ApiKey).where(ended_at < func.now() - RETENTION))


async def get_for_change(uow: UnitOfWork, api_key_id: uuid.UUID, *, user_id: uuid.UUID) -> ApiKey:
    """Return a key of the user, locked until the transaction ends.

    Raises:
        NotFound: the user has no such key, or it was revoked.
    """
    return found(
        await uow.session.scalar(
            select(ApiKey)
            .where(ApiKey.id == api_key_id, ApiKey.user_id == user_id, ApiKey.revoked_at.is_(None))
            .with_for_update()
        ),
        "API key",
    )


async def set_secret(uow: UnitOfWork, row: ApiKey) -> str:
    secret = new_secret()
    row.prefix = secrets.token_hex(6)
    row.secret_hash = digest(secret)
    await uow.session.flush()
    return f"rk_{row.prefix}_{secret}"
