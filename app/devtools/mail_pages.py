"""Pages that show the mails of a development service, which writes them into a folder."""

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import escape
from pathlib import Path

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from app.errors import NotFound
from app.features.html_pages.extension import Markup
from app.features.html_pages.rendering import framed_page, render, require_no_production
from app.features.mail.settings import MailSettings
from app.http.schemas import OpaqueText
from app.resources import resources_of

ASSETS = Path(__file__).parent / "assets"
SHOWN = 100
NAME = re.compile(r"[0-9a-f-]{36}")
# In escaped text, where no quote and no bracket is left.
URL = re.compile(r"https?://\S+")
NO_MAILS = '<p class="soft">No mails yet: register an account, or ask for a new password.</p>'
# As in a mail program: no resources are fetched, no scripts run.
MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

router = APIRouter(
    prefix="/dev/mails", include_in_schema=False, dependencies=[Depends(require_no_production)]
)


@router.get("")
def list_mails(request: Request) -> Response:
    rows = Markup("".join(mail_row(request, file) for file in newest(folder(request))))
    content = render(
        request,
        ASSETS / "mails.html",
        rows=rows,
        folder=str(folder(request)),
        empty=Markup() if rows else Markup(NO_MAILS),
    )
    return framed_page(request, "Mails", content)


@router.get("/{mail_name}")
def read_mail(mail_name: OpaqueText, request: Request) -> Response:
    mail = load(folder(request) / f"{checked(mail_name)}.eml")
    text = linked(part(mail, "plain"))
    content = render(request, ASSETS / "mail.html", **facts(mail), mail_name=mail_name, text=text)
    return framed_page(request, str(mail["Subject"]), content)


@router.get("/{mail_name}/page")
def show_mail_page(mail_name: OpaqueText, request: Request) -> Response:
    mail = load(folder(request) / f"{checked(mail_name)}.eml")
    headers = {"Content-Security-Policy": MAIL_POLICY}
    return HTMLResponse(part(mail, "html"), headers=headers)


def linked(text: str) -> Markup:
    """Return the text as HTML in which its URLs are links."""
    return Markup(URL.sub(r'<a href="\g<0>">\g<0></a>', escape(text)))


def folder(request: Request) -> Path:
    path: Path = resources_of(request)[MailSettings].mail_folder
    return path


def newest(mails: Path) -> list[Path]:
    files = sorted(mails.glob("*.eml"), key=lambda file: file.stat().st_mtime_ns, reverse=True)
    return files[:SHOWN]


def mail_row(request: Request, file: Path) -> Markup:
    return render(request, ASSETS / "mail_row.html", mail_name=file.stem, **facts(load(file)))


def checked(name: str) -> str:
    """Return the name of a mail.

    Raises:
        NotFound: it has another form than the names of mails.
    """
    if not NAME.fullmatch(name):
        raise NotFound.of("mail")
    return name


def load(file: Path) -> EmailMessage:
    """Load a mail.

    Raises:
        NotFound: the file does not exist.
    """
    try:
        return message_from_bytes(file.read_bytes(), policy=policy.default)
    except FileNotFoundError as error:
        raise NotFound.of("mail") from error


def facts(mail: EmailMessage) -> dict[str, str]:
    names = {"subject": "Subject", "sender": "From", "to": "To", "date": "Date"}
    return {key: str(mail[name]) for key, name in names.items()}


def part(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body((kind,))
    return str(body.get_content()) if body else ""
