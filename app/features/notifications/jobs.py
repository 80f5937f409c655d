"""Job: notify the administrators of a new account."""

import uuid
from typing import ClassVar

from app.features.background_jobs.job import Job, JobContext, PermanentFailure
from app.features.notifications import crud as notifications
from app.features.users.crud import users


class NotifyAdmins(Job):
    kind: ClassVar[str] = "notify_admins"

    user_id: uuid.UUID

    async def run(self, context: JobContext) -> None:
        with PermanentFailure.if_not_found("The account was deleted."):
            user = await users.get(context.reads, self.user_id)
        async with context.completion() as uow:
            await notifications.create_for_admins(
                uow,
                subject=f"A new account: {user['username']}",
                message=f"{user['username']} has signed up with the address {user['email']}.",
            )
