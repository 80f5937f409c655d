"""Authorization table of tasks, and a valid request of each operation."""

import uuid

from app.features.background_jobs.models import TaskStatus
from tests.factories import make_task
from tests.scenes import Authorization, Scene

TABLE = """
list_tasks                401        200 -     200 -     200 -
read_task                 401        200 404   200 404   200 200
cancel_task               401        204 404   204 404   204 204
retry_task.failed         401        202 404   202 404   202 202
"""


async def a_task(scene: Scene) -> uuid.UUID:
    status = TaskStatus.FAILED if scene.state == "failed" else TaskStatus.QUEUED
    return (await scene.save(make_task(scene.owner, status=status))).id


authorization = Authorization(
    table=TABLE,
    things={"task_id": a_task},
)
