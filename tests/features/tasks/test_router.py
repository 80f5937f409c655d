"""Tasks: work after the response, and its visibility."""

import uuid

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.config.settings import Settings
from app.features.background_jobs.models import Task, TaskStatus
from app.features.background_jobs.worker import Worker
from app.features.mail.settings import MailSettings
from app.features.users.models.user import User
from app.runtime.clock import now
from tests.conftest import As, Running, Save, access_token, new_client
from tests.factories import make_item, make_task
from tests.features.conftest import address, read_mails
from tests.problems import assert_problem
from tests.state import resources_of

TASKS = "/api/v1/tasks"


class TestListTasks:
    async def test_without_a_token_is_rejected(self, client: AsyncClient) -> None:
        assert_problem(await client.get(TASKS), 401, "unauthenticated")

    async def test_shows_only_own_tasks(
        self, as_user: As, save: Save, user: User, other_user: User
    ) -> None:
        own = await save(make_task(user))
        await save(make_task(other_user))

        response = await (await as_user(user)).get(TASKS)

        assert [task["id"] for task in response.json()["items"]] == [str(own.id)]

    async def test_administrator_sees_all_tasks_including_those_without_owner(
        self, as_user: As, save: Save, user: User, admin: User
    ) -> None:
        await save(make_task(user))
        await save(make_task(user, owner_id=None))

        response = await (await as_user(admin)).get(TASKS, params={"include_total": True})

        assert response.json()["total"] == 2

    async def test_filters(self, as_user: As, save: Save, user: User) -> None:
        failed = await save(make_task(user, status=TaskStatus.FAILED, kind="send_welcome_mail"))
        await save(make_task(user))
        signed_in = await as_user(user)

        for params in ({"status": "failed"}, {"kind": "send_welcome_mail"}):
            response = await signed_in.get(TASKS, params=params)
            assert [task["id"] for task in response.json()["items"]] == [str(failed.id)]


class TestProcessItem:
    async def process(self, client: AsyncClient, item_id: uuid.UUID) -> dict[str, str]:
        response = await client.post(f"/api/v1/items/{item_id}/process")
        assert response.status_code == 202, response.text
        task: dict[str, str] = response.json()
        assert response.headers["Location"] == f"http://test{TASKS}/{task['id']}"
        return task

    async def test_task_runs_after_the_response(
        self, app: FastAPI, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))
        signed_in = await as_user(user)

        task = await self.process(signed_in, item.id)
        assert task["status"] == "queued"
        await resources_of(app)[Worker].drain()

        done = (await signed_in.get(f"{TASKS}/{task['id']}")).json()
        assert (done["status"], done["progress"]) == ("succeeded", 100)
        read = (await signed_in.get(f"/api/v1/items/{item.id}")).json()
        assert done["result"] == {"processed_at": read["processed_at"]}

    async def test_waiting_task_is_not_duplicated(
        self, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))
        signed_in = await as_user(user)

        ids = {(await self.process(signed_in, item.id))["id"] for _ in range(3)}

        assert len(ids) == 1

    async def test_deleted_item_fails_for_good(
        self, app: FastAPI, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))
        signed_in = await as_user(user)
        task = await self.process(signed_in, item.id)
        await signed_in.delete(f"/api/v1/items/{item.id}")

        await resources_of(app)[Worker].drain()

        failed = (await signed_in.get(f"{TASKS}/{task['id']}")).json()
        assert (failed["status"], failed["attempts"]) == ("failed", 1)
        assert failed["error"] == "The item was deleted."

    async def test_carries_the_id_of_its_request(self, as_user: As, save: Save, user: User) -> None:
        item = await save(make_item(user))
        signed_in = await as_user(user)

        response = await signed_in.post(
            f"/api/v1/items/{item.id}/process", headers={"X-Request-ID": "the-request"}
        )

        assert response.json()["request_id"] == "the-request"


class TestCancelTask:
    async def test_waiting_task_never_runs(
        self, app: FastAPI, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))
        signed_in = await as_user(user)
        task = (await signed_in.post(f"/api/v1/items/{item.id}/process")).json()

        response = await signed_in.delete(f"{TASKS}/{task['id']}")
        await resources_of(app)[Worker].drain()

        assert response.status_code == 204
        read = (await signed_in.get(f"{TASKS}/{task['id']}")).json()
        assert (read["status"], read["attempts"]) == ("cancelled", 0)

    async def test_finished_task_is_rejected(self, as_user: As, save: Save, user: User) -> None:
        task: Task = await save(make_task(user, status=TaskStatus.SUCCEEDED, finished_at=now()))

        response = await (await as_user(user)).delete(f"{TASKS}/{task.id}")

        assert_problem(response, 409, "already_finished")


class TestEndOfAnAccount:
    @pytest.mark.parametrize(
        ("method", "body"), [("PATCH", {"is_active": False}), ("DELETE", None)]
    )
    async def test_waiting_tasks_of_the_account_never_run(
        self,
        app: FastAPI,
        as_user: As,
        save: Save,
        user: User,
        admin: User,
        method: str,
        body: dict[str, object] | None,
    ) -> None:
        signed_in, path = await as_user(admin), f"/api/v1/users/{user.id}"
        kept = await (await as_user(admin)).post(
            f"/api/v1/items/{(await save(make_item(admin))).id}/process"
        )
        item = await save(make_item(user))
        task = (await (await as_user(user)).post(f"/api/v1/items/{item.id}/process")).json()

        response = await signed_in.request(method, path, json=body)
        await resources_of(app)[Worker].drain()

        assert response.status_code < 300, response.text
        ended = (await signed_in.get(f"{TASKS}/{task['id']}")).json()
        assert (ended["status"], ended["attempts"]) == ("cancelled", 0)
        assert ended["version"] == task["version"] + 1
        other = (await signed_in.get(f"{TASKS}/{kept.json()['id']}")).json()
        assert other["status"] == "succeeded"


class TestRetryTask:
    async def test_failed_task_is_retried(
        self, app: FastAPI, as_user: As, save: Save, user: User
    ) -> None:
        item = await save(make_item(user))
        failed = make_task(user, status=TaskStatus.FAILED, attempts=5, finished_at=now())
        failed.payload = {"item_id": str(item.id)}
        task: Task = await save(failed)
        signed_in = await as_user(user)

        response = await signed_in.post(f"{TASKS}/{task.id}/retry")
        await resources_of(app)[Worker].drain()

        assert response.json()["status"] == "queued"
        done = (await signed_in.get(f"{TASKS}/{task.id}")).json()
        assert (done["status"], done["attempts"]) == ("succeeded", 1)

    async def test_unfinished_task_cannot_be_retried(
        self, as_user: As, save: Save, user: User
    ) -> None:
        task: Task = await save(make_task(user))

        response = await (await as_user(user)).post(f"{TASKS}/{task.id}/retry")

        assert_problem(response, 409, "not_failed")

    async def test_is_rejected_while_another_does_the_same(
        self, as_user: As, save: Save, user: User
    ) -> None:
        key = {"deduplication_key": "process_item:1"}
        await save(make_task(user, **key))
        task: Task = await save(make_task(user, status=TaskStatus.FAILED, finished_at=now(), **key))

        response = await (await as_user(user)).post(f"{TASKS}/{task.id}/retry")

        assert_problem(response, 409, "conflict")


class TestSignUp:
    async def test_mail_contains_no_text_of_the_registering_client(
        self, app: FastAPI, client: AsyncClient, settings: Settings
    ) -> None:
        victim = address()
        body = {"email": victim, "username": "mallory", "password": "a good long passphrase"}

        await client.post("/api/v1/auth/register", json=body | {"full_name": "You won! evil.test"})
        await resources_of(app)[Worker].drain()

        mails = [
            text for to, text in read_mails(settings.of(MailSettings).mail_folder) if to == victim
        ]
        assert len(mails) == 2
        assert "evil.test" not in "".join(mails)


class TestBound:
    async def test_task_beyond_the_bound_is_rejected_until_one_has_ended(
        self, running: Running, save: Save, user: User, other_user: User
    ) -> None:
        item = await save(make_item(user))
        waiting = [await save(make_task(user)) for _ in range(2)]
        await save(make_task(other_user))
        path = f"/api/v1/items/{item.id}/process"
        async with running(tasks_per_user=2) as app:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as client:
                rejected = await client.post(path)
                await client.delete(f"{TASKS}/{waiting[0].id}")
                accepted = await client.post(path)

        assert_problem(rejected, 429, "too_many_tasks")
        assert rejected.headers["retry-after"] == "10"
        assert accepted.status_code == 202
