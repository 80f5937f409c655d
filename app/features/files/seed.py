"""Seed data: a file of the demo user."""

import hashlib
import uuid
from collections.abc import AsyncIterator

from app.config.settings import Settings
from app.db.unit_of_work import UnitOfWork
from app.features.files.models import File
from app.features.files.object_storage import create_storage
from app.features.files.schemas import EXAMPLE_ID, EXAMPLE_PATH, attachment
from app.features.files.settings import FileSettings
from app.features.files.storage import Download
from app.security.principals import Principal

CONTENT = b"%PDF-1.7 ..."


async def fill(uow: UnitOfWork, user: Principal, settings: Settings) -> None:
    file = File(
        id=uuid.UUID(EXAMPLE_ID),
        name=EXAMPLE_PATH.rpartition("/")[2],
        path=EXAMPLE_PATH,
        description="The report of 2026.",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        content_type="application/pdf",
        owner_id=user.id,
    )
    storage = create_storage(settings.of(FileSettings).storage_url)
    await storage.write(EXAMPLE_ID, chunks(), Download(file.content_type, attachment(file.name)))
    uow.session.add(file)


async def chunks() -> AsyncIterator[bytes]:
    yield CONTENT
