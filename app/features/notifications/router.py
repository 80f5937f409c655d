"""Endpoints of notifications from the service or an administrator to users."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from app.db.dependencies import Reads, UnitOfWorkDep
from app.features.auth.dependencies import LoginThrottleDep
from app.features.auth.login_throttle import WINDOW, MailKind, MailLimit, TooManyAttempts
from app.features.background_jobs.job import enqueue
from app.features.mail.send_notification import SendNotification
from app.features.notifications import crud as notifications
from app.features.notifications.models import NotificationRow
from app.features.notifications.schemas import NotificationCreate, NotificationRead
from app.features.notifications.settings import NotificationSettings
from app.features.tasks.accepted_response import accepted_response
from app.features.tasks.dependencies import TaskCapacity
from app.features.tasks.errors import TooManyTasks
from app.features.tasks.schemas import TaskRead
from app.features.users.schemas import Email
from app.http.pagination import Pagination, paginated
from app.http.problem_details import responses
from app.http.schemas import Page
from app.http.unit_of_work import UnitOfWorkRoute
from app.resources import resources_of
from app.security.authentication import Administrator, CurrentPrincipal

router = APIRouter(prefix="/notifications", tags=["notifications"], route_class=UnitOfWorkRoute)
NotificationPagination = Annotated[Pagination, Depends(paginated(notifications.LISTING))]
Recipient = Annotated[
    Email, Path(description="E-mail address of the recipient.", examples=["user@example.com"])
]


@router.get("", response_model=Page[NotificationRead])
async def list_notifications(
    reads: Reads, principal: CurrentPrincipal, pagination: NotificationPagination
) -> Response:
    """List your notifications, newest first."""
    page = await notifications.list_page(reads, pagination.page, user_id=principal.id)
    return pagination.respond(page, NotificationRow)


@router.post(
    "/{email}",
    response_model=TaskRead,
    status_code=202,
    responses=responses(TooManyAttempts, TooManyTasks),
)
async def send_notification(
    email: Recipient,
    data: NotificationCreate,
    uow: UnitOfWorkDep,
    principal: Administrator,
    _: TaskCapacity,
    limits: LoginThrottleDep,
    request: Request,
) -> Response:
    """Mail a message, and put it into the list of the account with that address, if any."""
    settings = resources_of(request)[NotificationSettings]
    limit = MailLimit(settings.notifications_per_address, settings.notifications_per_account)
    if not await limits.may_mail(MailKind.NOTIFICATION, email, account=principal.id, limit=limit):
        raise TooManyAttempts(
            "The address has received the maximum number of messages.",
            retry_after_seconds=int(WINDOW.total_seconds()),
        )
    await notifications.create_for_address(uow, email, **data.model_dump())
    job = SendNotification(email=email, subject=data.subject, message=data.message)
    return await accepted_response(request, uow, await enqueue(uow, job, owner_id=principal.id))
