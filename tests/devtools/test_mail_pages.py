"""The mails of development, in a browser."""

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient

from app.features.mail.sender import FolderMailer, Template, compose
from app.features.mail.settings import MailSettings
from tests.conftest import Running, new_client
from tests.problems import assert_problem
from tests.state import resources_of

MAILS = "/dev/mails"
HOSTILE = {"project_name": "Ref", "subject": "<i>Hi", "message": "<script>alert(1)</script>"}


@pytest.fixture
async def name(app: FastAPI) -> str:
    return await store(app, Template.NOTIFICATION, **HOSTILE)


async def store(app: FastAPI, template: Template, **values: str) -> str:
    """Store a mail in the folder of the service; return its name."""
    folder = resources_of(app)[MailSettings].mail_folder
    before = set(folder.glob("*.eml"))
    mail = compose(template, values)
    mail["To"] = "ada@example.com"
    await FolderMailer(folder).send(mail)
    (file,) = set(folder.glob("*.eml")) - before
    return str(file.stem)


class TestMails:
    async def test_list_shows_the_mails(self, client: AsyncClient, name: str) -> None:
        response = await client.get(MAILS)

        assert f'href="/dev/mails/{name}"' in response.text
        assert "&lt;i&gt;Hi" in response.text

    async def test_text_is_text(self, client: AsyncClient, name: str) -> None:
        response = await client.get(f"{MAILS}/{name}")

        assert "<script>" not in response.text

    async def test_urls_are_links(self, app: FastAPI, client: AsyncClient) -> None:
        url = "http://127.0.0.1:8000/verify-email?token=a-b_c"
        name = await store(app, Template.VERIFY_EMAIL, project_name="Ref", link=url)

        text = (await client.get(f"{MAILS}/{name}")).text
        page = (await client.get(f"{MAILS}/{name}/page")).text

        assert f'<a href="{url}">{url}</a>' in text
        # A button, and the plain address for programs that do not show it.
        assert page.count(f'href="{url}"') == 2
        assert "sent by Ref" in page

    async def test_page_runs_no_script(self, client: AsyncClient, name: str) -> None:
        response = await client.get(f"{MAILS}/{name}/page")

        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert "</html>" in response.text

    @pytest.mark.parametrize("name", ["x", "..%2F..%2F.env", "0" * 36])
    async def test_unknown_is_not_found(self, client: AsyncClient, name: str) -> None:
        assert_problem(await client.get(f"{MAILS}/{name}"), 404, "not_found")

    async def test_production_has_no_mail_pages(self, running: Running) -> None:
        async with running(environment="production") as app, new_client(app) as client:
            assert_problem(await client.get(MAILS), 404, "not_found")
