"""Process an item."""

import uuid
from typing import ClassVar

from pydantic_core import to_jsonable_python

from app.core.clock import now
from app.core.errors import NotFound
from app.crud import items
from app.jobs.queue import GiveUp, Job, Work


class ProcessItem(Job):
    """Stands for work that takes long and has one effect: the time in `processed_at`."""

    kind: ClassVar[str] = "process_item"

    item_id: uuid.UUID

    async def run(self, work: Work) -> None:
        await work.note_progress(50)
        processed_at = now()
        work.result = {"processed_at": to_jsonable_python(processed_at)}
        async with work.completion() as session:
            try:
                item = await items.get_for_change(session, self.item_id)
            except NotFound as error:
                raise GiveUp("The item was deleted.") from error
            await items.mark_processed(session, item, at=processed_at)
