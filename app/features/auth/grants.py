"""OAuth 2.0 grants: exchanges a password or a refresh token for a token pair."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends

from app.db.dependencies import Reads, Transactions, UnitOfWorkDep
from app.errors import InvalidToken
from app.features.auth.dependencies import (
    ClientDep,
    LoginThrottleDep,
    Tokens,
    recheck_login,
    verified_login,
)
from app.features.auth.oauth_form import PasswordGrant, RefreshGrant
from app.features.auth.schemas.session import TokenPair
from app.features.users.crud import sessions, users
from app.features.users.dependencies import Passwords
from app.security.principals import ROLE_SCOPES


@dataclass(frozen=True, slots=True)
class PasswordSignIn:
    """Resource owner password credentials (RFC 6749, section 4.3)."""

    uow: UnitOfWorkDep
    reads: Reads
    passwords: Passwords
    tokens: Tokens
    limits: LoginThrottleDep
    client: ClientDep

    async def __call__(self, grant: PasswordGrant) -> TokenPair:
        """Start a session.

        Raises:
            InvalidCredentials: the user is unknown or disabled, or the password is wrong.
            InvalidScope: the role has none of the scopes.
            TooManyAttempts: the account or the address has used up its attempts.
        """
        login = await verified_login(grant, self.reads, self.passwords, self.limits, self.client)
        is_dated = self.passwords.needs_rehash(login["password_hash"])
        password_hash = await self.passwords.hash(grant.password) if is_dated else None
        account = await users.record_login(self.uow, login, password_hash=password_hash)
        role = (await recheck_login(account, login, grant.password, self.passwords))["role"]
        signed_in = await sessions.create(
            self.uow,
            login["id"],
            # Includes scopes that the role lacks: a client may request the same on refresh.
            scopes=sorted(grant.scopes or ROLE_SCOPES[role]),
            user_agent=self.client.user_agent,
            address=self.client.address,
        )
        return self.tokens.pair(signed_in, role)


@dataclass(frozen=True, slots=True)
class TokenRefresh:
    """Refresh token rotation (RFC 6749, section 6; RFC 9700, section 4.14.2)."""

    transactions: Transactions
    tokens: Tokens
    limits: LoginThrottleDep
    client: ClientDep

    async def __call__(self, grant: RefreshGrant) -> TokenPair:
        """Exchange the token; the session keeps its scopes even if this pair has fewer.

        Raises:
            InvalidToken: it is malformed, expired or revoked, or was used before, which ends
                the session.
            InvalidScope: the session was not granted one of the scopes; the token stays valid.
            TooManyAttempts: it is invalid, and the address has used up its attempts.
        """
        async with self.limits.secret_attempt("refresh", self.client.address):
            session_id, generation = self.tokens.refresh.read(grant.refresh_token)
            async with self.transactions() as uow:
                rotated = await sessions.rotate(uow, session_id, generation)
                if rotated:
                    role = await users.get_role(uow, rotated.user_id)
                    return self.tokens.pair(rotated, role, grant.scopes)
                # Committed although the request fails: reuse indicates theft, so the session ends.
                await sessions.end_by_id(uow, session_id)
            raise InvalidToken("The refresh token was used before; the session has been ended.")


PasswordSignInDep = Annotated[PasswordSignIn, Depends()]
TokenRefreshDep = Annotated[TokenRefresh, Depends()]
