"""Signing up, in and out."""

from contextlib import suppress

from fastapi import APIRouter, Request, Response, status

from app.api.errors import responses
from app.api.resources import resource
from app.api.turns import TurnsRoute
from app.api.unit_of_work import UnitOfWorkRoute
from app.core.errors import InvalidCredentials, InvalidToken, NotFound
from app.core.identity import ROLE_SCOPES, granted_scopes
from app.crud import api_keys, mailed_tokens, sessions, tickets, users
from app.dependencies.auth import SignedIn
from app.dependencies.credentials import (
    ClientDep,
    Credentials,
    Passwords,
    Tokens,
    VerifiedLogin,
    refuse_weak,
    still_verified,
)
from app.dependencies.database import Reads, SessionDep, Transactions
from app.dependencies.guessing import GuessLimitsDep, TooManyAttempts
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


@with_password.post("/token", responses=responses(InvalidCredentials, TooManyAttempts))
async def create_token(
    login: VerifiedLogin,
    form: Credentials,
    session: SessionDep,
    passwords: Passwords,
    tokens: Tokens,
    client: ClientDep,
) -> TokenPair:
    """Sign in with e-mail or username and password."""
    is_dated = passwords.needs_rehash(login["password_hash"])
    password_hash = await passwords.hash(form.password) if is_dated else None
    account = await users.note_login(session, login, password_hash=password_hash)
    role = (await still_verified(account, login, form.password, passwords))["role"]
    signed_in = await sessions.create(
        session,
        login["id"],
        scopes=sorted(granted_scopes(role, frozenset(form.scopes) or ROLE_SCOPES[role])),
        user_agent=client.user_agent,
        address=client.address,
    )
    return tokens.pair(signed_in, role)


@router.post("/refresh", responses=responses(InvalidToken, TooManyAttempts))
async def refresh_token(
    data: RefreshRequest,
    transactions: Transactions,
    tokens: Tokens,
    limits: GuessLimitsDep,
    client: ClientDep,
) -> TokenPair:
    """Exchange the refresh token for a new pair; each works once."""
    async with limits.secret_attempt("refresh", client.address):
        session_id, generation = tokens.refresh.read(data.refresh_token)
        async with transactions() as session:
            rotated = await sessions.rotate(session, session_id, generation)
            if rotated:
                role = await users.get_role(session, rotated.user_id)
                return tokens.pair(rotated, role)
            # Committed, although the answer is an error: the thief and the owner are both out.
            await sessions.end_stolen(session, session_id)
        raise InvalidToken("The refresh token was used before; the session has been ended.")


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
