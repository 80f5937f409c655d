"""Job: notify the administrators of a new account."""

import uuid
from typing import ClassVar

from app.errors import NotFound
from app.features.notifications import crud as notifications
from app.features.users.crud import users
from app.jobs.job import Job, PermanentFailure, Work


class NotifyAdmins(Job):
    kind: ClassVar[str] = "notify_admins"

    user_id: uuid.UUID

    async def run(self, work: Work) -> None:
        try:
            user = await users.get(work.reads, self.user_id)
        except NotFound as error:
            raise PermanentFailure("The account was deleted.") from error
        async with work.completion() as uow:
            await notifications.create_for_admins(
                uow,
                subject=f"A new account: {user['username']}",
                message=f"{user['username']} has signed up with the address {user['email']}.",
            )
