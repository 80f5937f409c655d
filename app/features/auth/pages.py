"""Pages that mailed links open, for services without a front end of their own."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import Response
from pydantic import SecretStr, ValidationError

from app.db.dependencies import Transactions
from app.errors import AppError, Unprocessable
from app.features.auth import router as auth
from app.features.auth.dependencies import ClientDep, LoginThrottleDep
from app.features.auth.form_route import FormRoute
from app.features.auth.schemas.mailed_token import EmailVerification, PasswordReset
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
NewPassword = Annotated[SecretStr, Form(max_length=MAX_TYPED_LENGTH), STORABLE_SECRET]
Work = Callable[[], Awaitable[None]]


@router.get("/verify-email")
def show_verification(request: Request, token: Token = "") -> Response:
    return form(request, "Confirm your e-mail address", "verify_email.html", token=token)


@router.post("/verify-email")
async def confirm_verification(
    request: Request,
    token: FormToken,
    transactions: Transactions,
    limits: LoginThrottleDep,
    client: ClientDep,
) -> Response:
    async def work() -> None:
        await auth.verify_email(EmailVerification(token=token), transactions, limits, client)

    problem = await run_for_page(work)
    return show_result(
        request, problem or "Thank you: the address is confirmed.", has_failed=problem
    )


@router.get("/reset-password")
def show_reset(request: Request, token: Token = "") -> Response:
    return form(request, "Choose a new password", "reset_password.html", token=token)


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
    async def work() -> None:
        data = PasswordReset.model_validate({"token": token, "new_password": new_password})
        await auth.reset_password(data, transactions, passwords, limits, client)

    problem = await run_for_page(work)
    return show_result(
        request, problem or "Done: sign in with the new password.", has_failed=problem
    )


async def run_for_page(work: Work) -> str:
    """Run the work; return the error as text for the page, empty on success."""
    try:
        await work()
    except ValidationError as error:
        return violations(error.errors(include_input=False))[0].message
    except Unprocessable as error:
        return error.violations[0].message if error.violations else error.detail
    except AppError as error:
        return f"{error.detail} {error.remedy}"
    return ""


def show_result(request: Request, sentence: str, *, has_failed: str) -> Response:
    title = "That did not work" if has_failed else "All is well"
    content = render(request, ASSETS / "message.html", title=title, sentence=sentence)
    return framed_page(request, title, content)


def form(request: Request, title: str, name: str, *, token: str) -> Response:
    response = framed_page(request, title, render(request, ASSETS / name, title=title, token=token))
    response.headers["Content-Security-Policy"] = FORM_POLICY
    return response
