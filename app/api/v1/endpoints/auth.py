"""Signing up, in and out."""

from contextlib import suppress

from fastapi import APIRouter, Request, Response, status

from app.api.errors import responses
from app.api.openapi_oauth import REVOCATION_BODY, TOKEN_BODY
from app.api.resources import resource
from app.api.token_route import TokenRoute
from app.api.turns import TurnsRoute
from app.api.unit_of_work import UnitOfWorkRoute
from app.core.errors import InvalidCredentials, InvalidToken, NotFound
from app.core.oauth_errors import (
    InvalidClient,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    UnsupportedGrantType,
    UnsupportedTokenType,
)
from app.crud import api_keys, mailed_tokens, sessions, tickets, users
from app.dependencies.auth import SignedIn
from app.dependencies.credentials import (
    ClientDep,
    Passwords,
    Tokens,
    refuse_weak,
)
from app.dependencies.database import Reads, SessionDep, Transactions
from app.dependencies.grants import PasswordSignInDep, TokenRefreshDep
from app.dependencies.guessing import GuessLimitsDep, TooManyAttempts
from app.dependencies.oauth import GrantDep, ParametersDep, PasswordGrant, RefreshGrant
from app.dependencies.urls import path_of
from app.jobs.notify_admins import NotifyAdmins
from app.jobs.queue import enqueue
from app.jobs.send_reset_mail import SendResetMail
from app.jobs.send_verification_mail import SendVerificationMail
from app.jobs.send_welcome_mail import SendWelcomeMail
from app.models.mailed_token import InvalidMailedToken, Purpose
from app.models.ticket import LIFETIME
from app.models.user import EmailTaken, UsernameTaken
from app.schemas.mailed_token import EmailVerification, PasswordForgotten, PasswordReset
from app.schemas.session import RefreshRequest, TicketRead, TokenPair
from app.schemas.user import UserRead, UserRegister

router = APIRouter(prefix="/auth", tags=["auth"], route_class=UnitOfWorkRoute)
with_password = APIRouter(prefix="/auth", tags=["auth"], route_class=TurnsRoute)
tokens_router = APIRouter(prefix="/auth", tags=["auth"], route_class=TokenRoute)


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
    session: SessionDep,
    tokens: Tokens,
    limits: GuessLimitsDep,
    client: ClientDep,
) -> None:
    """End the session of an access or refresh token; of an invalid token there is none to end."""
    token = parameters.require("token")
    if token.startswith("rk_"):
        raise UnsupportedTokenType("API keys are managed by the session of their owner.")
    with suppress(InvalidToken):  # Answered with 200, too (RFC 7009, section 2.2).
        async with limits.secret_attempt("revoke", client.address):
            session_id = tokens.session_of(token)
        await sessions.end_by_id(session, session_id)


@router.post("/logout", status_code=204, response_class=Response)
async def logout(session: SessionDep, principal: SignedIn) -> None:
    """End the session of this access token; with an API key there is none to end."""
    if principal.session_id:
        with suppress(NotFound):  # Ended by another request at the same moment.
            await sessions.end(session, principal.session_id, user_id=principal.id)


@router.post("/logout-all", status_code=204, response_class=Response)
async def logout_everywhere(session: SessionDep, principal: SignedIn) -> None:
    """End all your sessions."""
    await sessions.end_all(session, principal.id)


@router.post("/ws-ticket")
async def create_ws_ticket(session: SessionDep, principal: SignedIn) -> TicketRead:
    """Get a ticket that opens one WebSocket or event stream within 30 seconds."""
    ticket = await tickets.create(session, principal)
    return TicketRead(ticket=ticket, expires_in=int(LIFETIME.total_seconds()))


@with_password.post(
    "/register",
    response_model=UserRead,
    status_code=status.HTTP_201_CREATED,
    responses=responses(EmailTaken, UsernameTaken, TooManyAttempts),
)
async def register_user(
    data: UserRegister,
    session: SessionDep,
    passwords: Passwords,
    limits: GuessLimitsDep,
    client: ClientDep,
    request: Request,
) -> Response:
    """Open an account; a link to confirm the address is mailed to it."""
    await limits.count_address("register", client.address)
    password = data.password.get_secret_value()
    refuse_weak(password, email=data.email, username=data.username, field="password")
    user = await users.create(session, data, password_hash=await passwords.hash(password))
    for job in (SendWelcomeMail, SendVerificationMail, NotifyAdmins):
        await enqueue(session, job(user_id=user.id))
    return resource(request, UserRead, user, status=201, location=path_of(request, "read_profile"))


@router.post("/verify-email/request", status_code=202, response_class=Response)
async def request_verification(
    session: SessionDep, principal: SignedIn, limits: GuessLimitsDep, reads: Reads
) -> None:
    """Have the link to confirm your address mailed again."""
    email = (await users.get(reads, principal.id))["email"]
    if await limits.may_mail(email):
        await enqueue(session, SendVerificationMail(user_id=principal.id))


@router.post(
    "/verify-email",
    status_code=204,
    response_class=Response,
    responses=responses(InvalidMailedToken, TooManyAttempts),
)
async def verify_email(
    data: EmailVerification,
    transactions: Transactions,
    limits: GuessLimitsDep,
    client: ClientDep,
) -> None:
    """Confirm the address with the token of the link."""
    async with limits.secret_attempt("mailed_token", client.address), transactions() as session:
        user = await mailed_tokens.use(session, data.token, Purpose.VERIFY_EMAIL)
        await users.verify_email(session, user)


@router.post("/forgot-password", status_code=202, response_class=Response)
async def forget_password(
    data: PasswordForgotten, session: SessionDep, limits: GuessLimitsDep, client: ClientDep
) -> None:
    """Have a link to choose a new password mailed; the answer is the same for any address."""
    await limits.count_address("forgot", client.address)
    if await limits.may_mail(data.email):
        await enqueue(session, SendResetMail(email=data.email))


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
    limits: GuessLimitsDep,
    client: ClientDep,
) -> None:
    """Choose a new password with the token of the link; ends all sessions."""
    password = data.new_password.get_secret_value()
    async with limits.secret_attempt("mailed_token", client.address), transactions() as session:
        user = await mailed_tokens.use(session, data.token, Purpose.RESET_PASSWORD)
        refuse_weak(password, email=user.email, username=user.username, field="new_password")
        await users.set_password(session, user, await passwords.hash(password))
        if not user.email_verified:
            # Somebody else may have registered the address, and made keys to come back with.
            await api_keys.revoke_all(session, user.id)
        await users.verify_email(session, user)
        await sessions.end_all(session, user.id)
    await limits.forgive(str(user.id))
