"""Pages for errors: problem details as HTML, for clients that ask for it, such as browsers."""

from typing import Any

from fastapi import Request
from fastapi.responses import Response
from starlette.types import Scope

from app.errors import AppError
from app.features.html_pages.extension import Markup
from app.features.html_pages.rendering import framed_page, prefers_html, render
from app.features.html_pages.static_files import ASSETS
from app.http.problem_details import challenge
from app.http.problem_extensions import ProblemExtension


def respond(scope: Scope, error: AppError, body: dict[str, Any]) -> Response:
    request = Request(scope)
    rows = "".join(violation_row(request, each) for each in body.get("errors", ()))
    texts = {name: str(body[name]) for name in ("status", "title", "type", "request_id")}
    content = render(
        request,
        ASSETS / "problem_page.html",
        detail="" if error.detail == f"{error.title}." else error.detail,
        remedy=error.remedy,
        violations=Markup(rows),
        **texts,
    )
    response = framed_page(request, error.title, content)
    response.status_code = error.status
    response.headers.update({**challenge(error), **error.headers, "Vary": "Accept"})
    return response


def violation_row(request: Request, violation: dict[str, str]) -> Markup:
    pointer, message = violation["pointer"], violation["message"]
    return render(request, ASSETS / "problem_violation.html", pointer=pointer, message=message)


PROBLEM_PAGES = ProblemExtension(prefers_html, respond)
