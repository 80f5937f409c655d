"""Notifications: what the service or an administrator tells somebody."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from app.api.accepted import accepted
from app.api.errors import responses
from app.api.unit_of_work import UnitOfWorkRoute
from app.crud import notifications
from app.dependencies.auth import Administrator, SignedIn
from app.dependencies.database import Reads, SessionDep
from app.dependencies.guessing import WINDOW, GuessLimitsDep, MailKind, TooManyAttempts
from app.dependencies.pagination import Pagination, paginated
from app.dependencies.tasks import RoomForTask
from app.jobs.queue import enqueue
from app.jobs.send_notification import SendNotification
from app.models.task import TooManyTasks
from app.schemas.base import Page
from app.schemas.notification import NotificationCreate, NotificationRead
from app.schemas.task import TaskRead
from app.schemas.user import Email

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=UnitOfWorkRoute)
NotificationPagination = Annotated[
    Pagination, Depends(paginated(notifications.LISTING.sorts, notifications.LISTING.default_sort))
]
Recipient = Annotated[Email, Path(examples=["user@example.com"])]


@router.get("", response_model=Page[NotificationRead])
async def list_notifications(
    reads: Reads, principal: SignedIn, pagination: NotificationPagination
) -> Response:
    """List what you were told, the newest first."""
    page = await notifications.list_page(reads, pagination.page, user_id=principal.id)
    return pagination.answer(page)


@router.post(
    "/{email}",
    response_model=TaskRead,
    status_code=202,
    responses=responses(TooManyAttempts, TooManyTasks),
)
async def send_notification(
    email: Recipient,
    data: NotificationCreate,
    session: SessionDep,
    principal: Administrator,
    _: RoomForTask,
    limits: GuessLimitsDep,
    request: Request,
) -> Response:
    """Mail a message, and put it into the list of the account with that address, if any."""
    if not await limits.may_mail(MailKind.NOTIFICATION, email, account=principal.id):
        raise TooManyAttempts(
            "The address got as many messages as it may.",
            retry_after_seconds=int(WINDOW.total_seconds()),
        )
    await notifications.create_for_address(session, email, **data.model_dump())
    job = SendNotification(email=email, subject=data.subject, message=data.message)
    return await accepted(request, session, await enqueue(session, job, owner_id=principal.id))
