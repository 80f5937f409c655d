"""Job that processes an item."""

import uuid
from typing import ClassVar

from pydantic_core import to_jsonable_python

from app.features.background_jobs.job import Job, JobContext, PermanentFailure
from app.features.items import crud as items
from app.runtime.clock import now


class ProcessItem(Job):
    """Example of long-running work with one effect: it sets `processed_at`."""

    kind: ClassVar[str] = "process_item"

    item_id: uuid.UUID

    async def run(self, context: JobContext) -> None:
        await context.report_progress(50)
        processed_at = now()
        context.result = {"processed_at": to_jsonable_python(processed_at)}
        async with context.completion() as uow:
            with PermanentFailure.if_not_found("The item was deleted."):
                item = await items.get_for_change(uow, self.item_id)
            await items.mark_processed(uow, item, at=processed_at)
