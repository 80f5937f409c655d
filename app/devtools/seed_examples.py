"""Seed data that the examples of the OpenAPI document refer to, with fixed ids."""

import uuid
from datetime import timedelta
from decimal import Decimal

from app.db.unit_of_work import UnitOfWork
from app.features.background_jobs import crud as jobs
from app.features.background_jobs.models import Task, TaskStatus
from app.features.categories import schemas as category_schemas
from app.features.categories.models import Category
from app.features.items import schemas as item_schemas
from app.features.items.jobs import ProcessItem
from app.features.items.models import Item
from app.features.tasks import schemas as task_schemas
from app.features.users import schemas as user_schemas
from app.features.users.models.session import ABSOLUTE_LIFETIME, UserSession
from app.runtime.clock import now
from app.runtime.ids import uuid7
from app.security.principals import Principal

ITEM_IDS = {
    "Walnut desk": item_schemas.EXAMPLE_ID,
    "Oak bookshelf": item_schemas.EXAMPLE_ID_V2,
}
USER_IDS = {"user": user_schemas.EXAMPLE_ID, "guest": user_schemas.OTHER_EXAMPLE_ID}
# Until then the queued task can be cancelled.
LATER = timedelta(days=365)


def item_id(name: str) -> uuid.UUID:
    return uuid.UUID(ITEM_IDS[name]) if name in ITEM_IDS else uuid7()


def user_id(name: str) -> uuid.UUID:
    return uuid.UUID(USER_IDS[name]) if name in USER_IDS else uuid7()


async def add_examples(uow: UnitOfWork, user: Principal, parent_id: uuid.UUID) -> None:
    """Add a category without items, and what the demo user has deleted, started and tried."""
    uow.session.add_all(
        [
            Category(id=uuid.UUID(category_schemas.EXAMPLE_ID), name="Stools", parent_id=parent_id),
            deleted_item(user),
            other_session(user),
            failed_task(user),
        ]
    )
    await uow.session.flush()
    await jobs.create(uow, make_task(task_schemas.EXAMPLE_ID, user), delay=LATER)


def deleted_item(user: Principal) -> Item:
    return Item(
        id=uuid.UUID(item_schemas.DELETED_EXAMPLE_ID),
        name="Cherry stool",
        price=Decimal("79.00"),
        owner_id=user.id,
        deleted_at=now(),
    )


def other_session(user: Principal) -> UserSession:
    """Return a session that was started on another device, and that no token belongs to."""
    started = now()
    return UserSession(
        id=uuid.UUID(user_schemas.SESSION_EXAMPLE_ID),
        user_id=user.id,
        scopes=sorted(user.scopes),
        user_agent="Mozilla/5.0 (Linux; Android 15) Firefox/140.0",
        address="192.0.2.7",
        rotated_at=started,
        last_used_at=started,
        idle_expires_at=started + ABSOLUTE_LIFETIME,
        expires_at=started + ABSOLUTE_LIFETIME,
    )


def failed_task(user: Principal) -> Task:
    task = make_task(task_schemas.FAILED_EXAMPLE_ID, user)
    task.status, task.attempts = TaskStatus.FAILED, 1
    task.error, task.finished_at = "The item was locked.", now()
    return task


def make_task(task_id: str, user: Principal) -> Task:
    job = ProcessItem(item_id=uuid.UUID(item_schemas.EXAMPLE_ID))
    return Task(
        id=uuid.UUID(task_id),
        kind=job.kind,
        payload=job.model_dump(mode="json"),
        owner_id=user.id,
        request_id=uuid.uuid4().hex,
    )
