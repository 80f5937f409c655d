"""Job that processes an item."""

import uuid
from typing import ClassVar

from pydantic_core import to_jsonable_python

from app.errors import NotFound
from app.features.items import crud as items
from app.jobs.job import Job, PermanentFailure, Work
from app.runtime.clock import now


class ProcessItem(Job):
    """Example of long-running work with one effect: it sets `processed_at`."""

    kind: ClassVar[str] = "process_item"

    item_id: uuid.UUID

    async def run(self, work: Work) -> None:
        await work.report_progress(50)
        processed_at = now()
        work.result = {"processed_at": to_jsonable_python(processed_at)}
        async with work.completion() as uow:
            try:
                item = await items.get_for_change(uow, self.item_id)
            except NotFound as error:
                raise PermanentFailure("The item was deleted.") from error
            await items.mark_processed(uow, item, at=processed_at)
