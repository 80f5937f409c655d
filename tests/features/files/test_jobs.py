"""The sweep: deletes objects without a file, and no others."""

import uuid
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import text

from app.features.files.jobs import begun_at, sweep
from app.features.files.lifespan import FileResources
from app.features.files.object_storage import FolderStorage
from app.features.users.models.user import User
from app.runtime.clock import now
from app.runtime.ids import uuid7
from tests.conftest import Running, Save, access_token, new_client
from tests.features.files.factories import make_file
from tests.state import reads_of, resources_of, units_of_work

AGES = [timedelta(hours=2), timedelta(days=400)]


@pytest.fixture
def storage(tmp_path: Path) -> FolderStorage:
    return FolderStorage(tmp_path)


def id_of(age: timedelta) -> uuid.UUID:
    """An id as it was made that long ago."""
    made = uuid7().int & (2**80 - 1)
    return uuid.UUID(int=int((now() - age).timestamp() * 1000) << 80 | made)


def listed(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def place(folder: Path, name: str) -> Path:
    path = folder / name
    path.write_bytes(b"content")
    return path


class TestSweep:
    @pytest.mark.parametrize("age", AGES)
    @pytest.mark.parametrize("suffix", ["", "#1"])
    async def test_old_orphan_is_deleted(
        self, app: FastAPI, storage: FolderStorage, tmp_path: Path, age: timedelta, suffix: str
    ) -> None:
        orphan = place(tmp_path, f"{id_of(age)}{suffix}")

        assert await sweep(storage, reads_of(app)) == 1
        assert not orphan.exists()

    @pytest.mark.parametrize("suffix", ["", "#1"])
    async def test_upload_that_may_be_in_progress_is_not_deleted(
        self, app: FastAPI, storage: FolderStorage, tmp_path: Path, suffix: str
    ) -> None:
        young = place(tmp_path, f"{id_of(timedelta(minutes=59))}{suffix}")

        assert await sweep(storage, reads_of(app)) == 0
        assert young.exists()

    async def test_object_of_a_file_is_not_deleted(
        self, app: FastAPI, storage: FolderStorage, tmp_path: Path, save: Save, user: User
    ) -> None:
        file = await save(make_file(user, id=id_of(AGES[1])))
        kept = place(tmp_path, str(file.id))

        assert await sweep(storage, reads_of(app)) == 0
        assert kept.exists()

    @pytest.mark.parametrize(
        "name", ["README", str(uuid.UUID(int=0)), "x018f2f63-0000-7000-8000-000000000000"]
    )
    async def test_foreign_objects_are_not_deleted(
        self, app: FastAPI, storage: FolderStorage, tmp_path: Path, name: str
    ) -> None:
        foreign = place(tmp_path, name)

        assert await sweep(storage, reads_of(app)) == 0
        assert foreign.exists()

    async def test_thousands_are_swept_in_batches(
        self, app: FastAPI, storage: FolderStorage, tmp_path: Path, save: Save, user: User
    ) -> None:
        kept = await save(make_file(user, id=id_of(AGES[0])))
        for file_id in [kept.id, *(id_of(AGES[0]) for _ in range(2100))]:
            place(tmp_path, str(file_id))
        before = reads_of(app).statements

        assert await sweep(storage, reads_of(app)) == 2100
        assert listed(tmp_path) == [str(kept.id)]
        # Three for the batches; the loops of the application read now and then, too.
        assert reads_of(app).statements - before < 100


class TestUndecidedCommit:
    @pytest.fixture
    async def broken_connection(self, app: FastAPI) -> AsyncIterator[None]:
        """The connection breaks during the commit, so that its outcome is unknown."""
        for statements in ((FUNCTION, TRIGGER), ("DROP FUNCTION break_off CASCADE",)):
            async with units_of_work(app).begin() as uow:
                for statement in statements:
                    await uow.session.execute(text(statement))
            if len(statements) > 1:
                yield

    async def test_is_left_to_the_sweep(
        self, running: Running, tmp_path: Path, user: User, broken_connection: None
    ) -> None:
        async with running(storage_url=str(tmp_path)) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                response = await client.post("/api/v1/files", files={"file": b"%PDF-1.7"})
            left = listed(tmp_path)
            swept = await sweep(
                resources_of(app)[FileResources].storage,
                reads_of(app),
                grace=timedelta(0),
            )

        assert response.status_code == 503
        assert (len(left), swept) == (1, 1)
        assert listed(tmp_path) == []


FUNCTION = """
    CREATE FUNCTION break_off() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$
"""
TRIGGER = """
    CREATE CONSTRAINT TRIGGER break_off AFTER INSERT ON files DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION break_off()
"""


class TestBegunAt:
    def test_is_the_time_in_the_id(self) -> None:
        before = now()

        moment: datetime = begun_at(uuid7())

        assert abs(moment - before) < timedelta(seconds=5)
