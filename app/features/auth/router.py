"""Endpoints of registration, sign-in, sign-out and mailed links."""

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response, status

from app.db.dependencies import Reads, Transactions, UnitOfWorkDep
from app.errors import InvalidRequest, InvalidToken, NotFound, SessionRequired
from app.features.auth.crud import mailed_tokens
from app.features.auth.dependencies import ClientDep, LoginThrottleDep, Tokens, password_check_key
from app.features.auth.errors import InvalidCredentials
from app.features.auth.grants import PasswordSignInDep, TokenRefreshDep
from app.features.auth.jobs.send_reset_mail import SendResetMail
from app.features.auth.jobs.send_verification_mail import SendVerificationMail
from app.features.auth.jobs.send_welcome_mail import SendWelcomeMail
from app.features.auth.limited_route import LimitedRoute
from app.features.auth.login_throttle import MailKind, TooManyAttempts
from app.features.auth.models.mailed_token import InvalidMailedToken, Purpose
from app.features.auth.oauth_errors import (
    InvalidClient,
    InvalidGrant,
    InvalidScope,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from app.features.auth.oauth_form import GrantDep, ParametersDep, PasswordGrant, RefreshGrant
from app.features.auth.openapi import REVOCATION_BODY, TOKEN_BODY
from app.features.auth.own_account import confirm_email
from app.features.auth.schemas.mailed_token import (
    EmailVerification,
    PasswordForgotten,
    PasswordReset,
)
from app.features.auth.schemas.session import RefreshRequest, TokenPair
from app.features.auth.token_route import TokenRoute
from app.features.background_jobs.job import enqueue
from app.features.users.crud import credentials, sessions, users
from app.features.users.dependencies import Passwords, reject_weak
from app.features.users.models.user import EmailTaken, UsernameTaken
from app.features.users.schemas import UserRead, UserRegister
from app.features.users.scopes import permit_management
from app.features.users.signals import RevocationReason, UserRegistered
from app.http.absolute_urls import path_of
from app.http.etag_response import etag_response
from app.http.problem_details import responses
from app.http.unit_of_work import UnitOfWorkRoute
from app.security.authentication import UnconfirmedPrincipal

router = APIRouter(prefix="/auth", tags=["auth"], route_class=UnitOfWorkRoute)
with_password = APIRouter(prefix="/auth", tags=["auth"], route_class=LimitedRoute)
tokens_router = APIRouter(prefix="/auth", tags=["auth"], route_class=TokenRoute)
RevokeApiKeys = Annotated[
    bool, Query(description="Also revokes all API keys and disables all webhooks.")
]


@tokens_router.post(
    "/token",
    openapi_extra=TOKEN_BODY,
    responses=responses(
        InvalidClient,
        InvalidCredentials,
        InvalidGrant,
        InvalidRequest,
        InvalidScope,
        TooManyAttempts,
        UnsupportedGrantType,
    ),
)
async def create_token(
    grant: GrantDep, sign_in: PasswordSignInDep, refresh: TokenRefreshDep, response: Response
) -> TokenPair:
    """Sign in with e-mail or username and password, or exchange a refresh token."""
    response.headers["Pragma"] = "no-cache"  # RFC 6749, section 5.1.
    if isinstance(grant, PasswordGrant):
        return await sign_in(grant)
    try:
        return await refresh(grant)
    except InvalidToken as error:
        raise InvalidGrant(error.detail) from error


@router.post("/refresh", responses=responses(InvalidScope, InvalidToken, TooManyAttempts))
async def refresh_token(
    data: RefreshRequest, refresh: TokenRefreshDep, response: Response
) -> TokenPair:
    """Exchange the refresh token for a new pair; each works once."""
    response.headers["Pragma"] = "no-cache"
    return await refresh(RefreshGrant(data.refresh_token))


@router.post(
    "/revoke",
    response_class=Response,
    openapi_extra=REVOCATION_BODY,
    responses=responses(InvalidClient, InvalidRequest, TooManyAttempts, UnsupportedTokenType),
)
async def revoke_token(
    parameters: ParametersDep,
    uow: UnitOfWorkDep,
    tokens: Tokens,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> None:
    """End the session of an access or refresh token; of an invalid token there is none to end."""
    token = parameters.require("token")
    if token.startswith("rk_"):
        raise UnsupportedTokenType("API keys are managed by the session of their owner.")
    with suppress(InvalidToken):  # An invalid token gets 200, too (RFC 7009, section 2.2).
        async with limits.secret_attempt("revoke", client.address):
            session_id = tokens.session_of(token)
        await sessions.end_by_id(uow, session_id)


@router.post(
    "/logout", status_code=204, response_class=Response, responses=responses(SessionRequired)
)
async def logout(uow: UnitOfWorkDep, principal: UnconfirmedPrincipal) -> None:
    """End the session of this access token."""
    if principal.session_id:
        with suppress(NotFound):  # Ended by another request at the same moment.
            await sessions.end(uow, principal.session_id, user_id=principal.id)


@router.post(
    "/logout-all", status_code=204, response_class=Response, responses=responses(SessionRequired)
)
async def logout_everywhere(
    uow: UnitOfWorkDep, principal: UnconfirmedPrincipal, revoke_api_keys: RevokeApiKeys = True
) -> None:
    """End all your sessions and, unless you decide otherwise, your API keys and webhooks.

    Needs the scopes `users:read` and `users:write`, as far as your role has them.
    """
    permit_management(principal)
    await credentials.lock(uow, principal.id)
    await credentials.end_sessions(uow, principal.id)
    if revoke_api_keys:
        await credentials.revoke_machine_access(uow, principal.id, RevocationReason.SIGNED_OUT)


@with_password.post(
    "/register",
    response_model=UserRead,
    status_code=status.HTTP_201_CREATED,
    responses=responses(EmailTaken, UsernameTaken, TooManyAttempts),
)
async def register_user(
    data: UserRegister,
    uow: UnitOfWorkDep,
    passwords: Passwords,
    limits: LoginThrottleDep,
    client: ClientDep,
    request: Request,
) -> Response:
    """Create an account; a link that confirms the address is mailed to it."""
    await limits.count_address("register", client.address)
    password = data.password.get_secret_value()
    reject_weak(password, email=data.email, username=data.username, field="password")
    user = await users.create(uow, data, password_hash=await passwords.hash(password))
    await uow.emit(UserRegistered(user.id))
    if await limits.may_mail(MailKind.LINK, data.email):
        for job in (SendWelcomeMail, SendVerificationMail):
            await enqueue(uow, job(user_id=user.id))
    return etag_response(request, UserRead, user, location=path_of(request, "read_profile"))


@router.post(
    "/verify-email/request",
    status_code=202,
    response_class=Response,
    responses=responses(SessionRequired, TooManyAttempts),
)
async def request_verification(
    uow: UnitOfWorkDep, principal: UnconfirmedPrincipal, limits: LoginThrottleDep, reads: Reads
) -> None:
    """Request another mail with the link that confirms your address."""
    email = (await users.get(reads, principal.id))["email"]
    if await limits.may_mail(MailKind.LINK, email, account=principal.id):
        await enqueue(uow, SendVerificationMail(user_id=principal.id))


@router.post(
    "/verify-email",
    status_code=204,
    response_class=Response,
    responses=responses(InvalidMailedToken, EmailTaken, TooManyAttempts),
)
async def verify_email(
    data: EmailVerification,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> None:
    """Confirm your address, or the one that your account moves to, with the token of the link."""
    async with limits.secret_attempt("mailed_token", client.address), transactions() as uow:
        is_free = await confirm_email(uow, data.token)
    # Raised after the commit: the change is deleted although the response is an error.
    if not is_free:
        raise EmailTaken("Another account has this e-mail address; the change has ended.")


@router.post("/forgot-password", status_code=202, response_class=Response)
async def forget_password(
    data: PasswordForgotten, uow: UnitOfWorkDep, limits: LoginThrottleDep, client: ClientDep
) -> None:
    """Request a mail with a link to set a new password; the response is always the same."""
    await limits.count_address("forgot", client.address)
    if await limits.may_mail(MailKind.RESET, data.email):
        await enqueue(uow, SendResetMail(email=data.email))


@with_password.post(
    "/reset-password",
    status_code=204,
    response_class=Response,
    responses=responses(InvalidMailedToken, TooManyAttempts),
)
async def reset_password(
    data: PasswordReset,
    transactions: Transactions,
    passwords: Passwords,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> None:
    """Set a new password with the token of the link; ends everything that gave access.

    That is all sessions, API keys, mailed links and a pending change of the e-mail address;
    webhooks are disabled.
    """
    password = data.new_password.get_secret_value()
    async with limits.secret_attempt("mailed_token", client.address), transactions() as uow:
        user = await mailed_tokens.use(uow, data.token, Purpose.RESET_PASSWORD)
        reject_weak(password, email=user.email, username=user.username, field="new_password")
        await users.set_password(uow, user, await passwords.hash(password))
        await users.verify_email(uow, user)
        await credentials.revoke_all(uow, user.id, RevocationReason.PASSWORD_RESET)
    for count in (str(user.id), password_check_key(user.id)):
        await limits.reset(count)
