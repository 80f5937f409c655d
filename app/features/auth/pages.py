"""Pages that mailed links open, for services without a front end of their own."""

from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import SecretStr, ValidationError

from app.db.dependencies import OpenTransaction, Transactions
from app.errors import AppError, Unprocessable
from app.features.auth import router as auth
from app.features.auth.crud import email_changes, mailed_tokens
from app.features.auth.dependencies import Client, ClientDep, LoginThrottleDep
from app.features.auth.form_route import FormRoute
from app.features.auth.jobs.send_reset_mail import SendResetMail
from app.features.auth.jobs.send_verification_mail import ResendVerificationMail
from app.features.auth.login_throttle import LoginThrottle, MailKind
from app.features.auth.models.mailed_token import Purpose
from app.features.auth.schemas.mailed_token import (
    EmailVerification,
    PasswordForgotten,
    PasswordReset,
)
from app.features.background_jobs.job import enqueue
from app.features.html_pages.extension import Markup
from app.features.html_pages.rendering import PAGE_POLICY, framed_page, render
from app.features.users.dependencies import Passwords
from app.features.users.passwords import MAX_TYPED_LENGTH
from app.features.users.texts import STORABLE_SECRET
from app.http.problem_details import violations
from app.http.schemas import OPAQUE

router = APIRouter(include_in_schema=False, route_class=FormRoute)

ASSETS = Path(__file__).parent / "assets"
FORM_POLICY = PAGE_POLICY.replace("form-action 'none'", "form-action 'self'")
Token = Annotated[str, Query(max_length=100), OPAQUE]
FormToken = Annotated[str, Form(max_length=100), OPAQUE]
FormEmail = Annotated[str, Form(max_length=MAX_TYPED_LENGTH), OPAQUE]
NewPassword = Annotated[SecretStr, Form(max_length=MAX_TYPED_LENGTH), STORABLE_SECRET]
CONFIRM = "Confirm your e-mail address"
CHOOSE = "Choose a new password"
ON_ITS_WAY = "If an account waits for it, a mail with a new link is on its way."


@router.get("/verify-email")
async def show_verification(
    request: Request,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
    token: Token = "",
) -> Response:
    if not token:
        return ask_again(request, CONFIRM, "verify-email/request")
    try:
        await check_token(token, Purpose.VERIFY_EMAIL, transactions, limits, client)
    except AppError as error:
        return ask_again(request, CONFIRM, "verify-email/request", error)
    return form(request, "verify_email.html", title=CONFIRM, token=token)


@router.post("/verify-email")
async def confirm_verification(
    request: Request,
    token: FormToken,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> Response:
    try:
        await auth.verify_email(EmailVerification(token=token), transactions, limits, client)
    except (AppError, ValidationError) as error:
        return ask_again(request, CONFIRM, "verify-email/request", error)
    return message(request, "All is well", "Thank you: the address is confirmed.")


@router.post("/verify-email/request")
async def resend_verification(
    request: Request,
    email: FormEmail,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> Response:
    try:
        data = PasswordForgotten(email=email)
        await limits.count_address("verify", client.address)
        if await limits.may_mail(MailKind.LINK, data.email):
            async with transactions() as uow:
                await enqueue(uow, ResendVerificationMail(email=data.email))
    except (AppError, ValidationError) as error:
        return ask_again(request, CONFIRM, "verify-email/request", error)
    return message(request, "Look into your mailbox", ON_ITS_WAY, status=202)


@router.get("/reset-password")
async def show_reset(
    request: Request,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
    token: Token = "",
) -> Response:
    if not token:
        return ask_again(request, CHOOSE, "reset-password/request")
    try:
        await check_token(token, Purpose.RESET_PASSWORD, transactions, limits, client)
    except AppError as error:
        return ask_again(request, CHOOSE, "reset-password/request", error)
    return form(request, "reset_password.html", title=CHOOSE, token=token)


@router.post("/reset-password")
async def confirm_reset(
    request: Request,
    token: FormToken,
    new_password: NewPassword,
    transactions: Transactions,
    passwords: Passwords,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> Response:
    try:
        data = PasswordReset.model_validate({"token": token, "new_password": new_password})
        await auth.reset_password(data, transactions, passwords, limits, client)
    except (Unprocessable, ValidationError) as error:
        # The token was not used: the user chooses another password.
        template = "reset_password.html"
        return form(request, template, error, title=CHOOSE, token=token)
    except AppError as error:
        return ask_again(request, CHOOSE, "reset-password/request", error)
    return message(request, "All is well", "Done: sign in with the new password.")


@router.post("/reset-password/request")
async def resend_reset(
    request: Request,
    email: FormEmail,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> Response:
    try:
        data = PasswordForgotten(email=email)
        # Before the transaction: with a connection held, it would wait for a second one.
        await limits.count_address("forgot", client.address)
        if await limits.may_mail(MailKind.RESET, data.email):
            async with transactions() as uow:
                await enqueue(uow, SendResetMail(email=data.email))
    except (AppError, ValidationError) as error:
        return ask_again(request, CHOOSE, "reset-password/request", error)
    return message(request, "Look into your mailbox", ON_ITS_WAY, status=202)


async def check_token(
    token: str,
    purpose: Purpose,
    transactions: OpenTransaction,
    limits: LoginThrottle,
    client: Client,
) -> None:
    """Check the token of a link before its page offers to use it.

    Raises:
        InvalidMailedToken: it is unknown, expired or was used before.
        TooManyAttempts: so were too many from this address.
    """
    async with limits.secret_attempt("mailed_token", client.address), transactions() as uow:
        is_change = purpose is Purpose.VERIFY_EMAIL and await email_changes.is_pending(uow, token)
        if not is_change:
            await mailed_tokens.check(uow, token, purpose)


def ask_again(
    request: Request, title: str, action: str, error: AppError | ValidationError | None = None
) -> Response:
    """Return the form that requests a mail with a new link, with the error that led to it."""
    return form(request, "request_link.html", error, title=title, action=action)


def message(request: Request, title: str, sentence: str, *, status: int = 200) -> Response:
    content = render(request, ASSETS / "message.html", title=title, sentence=sentence)
    response = framed_page(request, title, content)
    response.status_code = status
    return response


def form(
    request: Request,
    name: str,
    error: AppError | ValidationError | None = None,
    *,
    title: str,
    **values: str,
) -> Response:
    """Return a page with a form and, with its status, the error in the last one."""
    error_message = Markup()
    if error:
        error_message = render(request, ASSETS / "error_message.html", sentence=sentence_of(error))
    content = render(request, ASSETS / name, title=title, error_message=error_message, **values)
    response = framed_page(request, title, content)
    response.headers["Content-Security-Policy"] = FORM_POLICY
    response.status_code = status_of(error) if error else 200
    return response


def status_of(error: AppError | ValidationError) -> int:
    return error.status if isinstance(error, AppError) else Unprocessable.status


def sentence_of(error: AppError | ValidationError) -> str:
    if isinstance(error, ValidationError):
        return f"{violations(error.errors(include_input=False))[0].message}."
    if isinstance(error, Unprocessable) and error.violations:
        return f"{error.violations[0].message}."
    return error.detail
