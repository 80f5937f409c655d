"""Files over HTTP."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from resource import RUSAGE_SELF, getrusage
from typing import Any, ClassVar

import pytest
from fastapi import FastAPI
from httpx2 import AsyncClient, Response
from sqlalchemy import select, text

from app.config.settings import Settings
from app.features.files.models import File
from app.features.files.settings import FileSettings
from app.features.users.models.user import User
from benchmarks.harness.servers import connected, serving
from tests.conftest import As, Running, Save, access_token, new_client
from tests.features.files.factories import make_file
from tests.polling import eventually
from tests.problems import assert_problem, broken
from tests.state import reads_of, units_of_work

FILES = "/api/v1/files"
BATCH = f"{FILES}/batch"
UNKNOWN_ID = "018f2f63-0000-7000-8000-000000000000"
KIB = 1024
MIB = 1024 * KIB
PDF = b"%PDF-1.7\n" + bytes(range(256)) * 40
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100
BOUNDARY = "a-boundary"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}

Sent = list[tuple[str, tuple[str, bytes, str]]]


@pytest.fixture
async def owner(as_user: As, user: User) -> AsyncClient:
    return await as_user(user)


@pytest.fixture
async def other_client(as_user: As, other_user: User) -> AsyncClient:
    return await as_user(other_user)


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Path(settings.of(FileSettings).storage_url)


@pytest.fixture(autouse=True)
async def no_orphans(app: FastAPI, folder: Path) -> AsyncIterator[None]:
    """Check that no test leaves an object without a row."""
    before = listed(folder)
    yield
    async with units_of_work(app).begin() as uow:
        rows = {str(file_id) for file_id in await uow.session.scalars(select(File.id))}
    assert listed(folder) - before <= rows


def listed(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def files(
    *contents: bytes, field: str = "file", name: str = "report.pdf", kind: str = "application/pdf"
) -> Sent:
    return [(field, (name, content, kind)) for content in contents]


async def upload(client: AsyncClient, content: bytes = PDF, **fields: str) -> dict[str, Any]:
    """The response to an upload that is expected to succeed."""
    response = await client.post(FILES, files=files(content), data=fields)
    assert response.status_code == 201, response.text
    body: dict[str, Any] = response.json()
    return body


def raw(*parts: bytes, end: bytes = b"--\r\n") -> bytes:
    """A body as it is on the wire: each part with its headers."""
    return b"".join(b"--a-boundary\r\n" + part + b"\r\n" for part in parts) + b"--a-boundary" + end


def raw_file(content: bytes, *, name: bytes = b"a.pdf", kind: bytes = b"application/pdf") -> bytes:
    disposition = b'Content-Disposition: form-data; name="file"; filename="' + name + b'"\r\n'
    return disposition + b"Content-Type: " + kind + b"\r\n\r\n" + content


class Feed:
    """A body that arrives in pieces, and counts how many were taken."""

    def __init__(self, *chunks: bytes, then: Callable[[], Awaitable[object]] | None = None) -> None:
        self.chunks = chunks
        self.then = then
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for chunk in self.chunks:
            self.taken += len(chunk)
            yield chunk
        if self.then:
            await self.then()


async def content_url(client: AsyncClient, content: bytes = PDF) -> str:
    return f"{FILES}/{(await upload(client, content))['id']}/content"


def names(response: Response) -> list[str]:
    assert response.status_code == 200, response.text
    return [file["name"] for file in response.json()["items"]]


@asynccontextmanager
async def strict(running: Running, user: User, **settings: Any) -> AsyncIterator[AsyncClient]:
    """The user, signed in to a service with settings of the test's own."""
    async with running(**settings) as app:
        token = await access_token(app, user)
        async with new_client(app, Authorization=f"Bearer {token}") as client:
            yield client


async def answered(app: FastAPI, token: str, messages: list[dict[str, Any]]) -> int:
    """The status of the response to an upload of these messages and no more."""
    sent: list[dict[str, Any]] = []
    headers = {"authorization": f"Bearer {token}", "content-type": FORM["Content-Type"]}
    scope = {
        "type": "http",
        "method": "POST",
        "path": FILES,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    waiting = iter(messages)

    async def receive() -> Any:
        return next(waiting)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    status: int = sent[0]["status"]
    return status


@pytest.fixture
async def failing_commit(app: FastAPI) -> AsyncIterator[None]:
    """A constraint that PostgreSQL checks only when the transaction commits."""
    function = """
        CREATE FUNCTION reject() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'rejected' USING ERRCODE = '23514'; END $$
    """
    trigger = """
        CREATE CONSTRAINT TRIGGER reject AFTER INSERT ON files DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION reject()
    """
    for statements in ((function, trigger), ("DROP FUNCTION reject CASCADE",)):
        async with units_of_work(app).begin() as uow:
            for statement in statements:
                await uow.session.execute(text(statement))
        if len(statements) > 1:
            yield


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one megabyte."""
    try:
        run("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a file system")
    yield tmp_path
    run("umount", "--lazy", str(tmp_path))


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


class TestCreateFile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(FILES, files=files(PDF))

        assert_problem(response, 401, "unauthenticated")

    async def test_without_a_token_nothing_is_read(self, client: AsyncClient) -> None:
        feed = Feed(raw(raw_file(PDF)))

        response = await client.post(FILES, content=feed, headers=FORM)

        assert_problem(response, 401, "unauthenticated")
        assert feed.taken == 0

    async def test_guest_is_rejected(self, as_user: As, guest: User) -> None:
        response = await (await as_user(guest)).post(FILES, files=files(PDF))

        assert_problem(response, 403, "insufficient_scope")

    async def test_returns_the_stored_file(self, owner: AsyncClient, user: User) -> None:
        fields = {"description": " The report. ", "path": "docs/2026/report.pdf"}

        response = await owner.post(FILES, files=files(PDF), data=fields)

        body = response.json()
        assert response.status_code == 201
        assert response.headers["Location"] == f"http://test{FILES}/{body['id']}"
        assert (
            body
            | {
                "name": "report.pdf",
                "path": "docs/2026/report.pdf",
                "description": "The report.",
                "size": len(PDF),
                "sha256": hashlib.sha256(PDF).hexdigest(),
                "content_type": "application/pdf",
                "owner_id": str(user.id),
                "version": 1,
            }
            == body
        )

    async def test_fields_may_follow_the_file(self, owner: AsyncClient) -> None:
        field = b'Content-Disposition: form-data; name="path"\r\n\r\na/b.pdf'

        response = await owner.post(FILES, content=raw(raw_file(PDF), field), headers=FORM)

        assert response.json()["path"] == "a/b.pdf"

    async def test_repeated_field_is_rejected(self, owner: AsyncClient) -> None:
        paths = [("path", (None, b"a.pdf")), ("path", (None, b"b.pdf"))]

        response = await owner.post(FILES, files=[*files(PDF), *paths])

        assert broken(response) == {"/body/path": "repeated_field"}

    async def test_empty_fields_count_as_left_out(self, owner: AsyncClient) -> None:
        body = await upload(owner, path="", description="")

        assert (body["path"], body["description"]) == (None, None)

    async def test_body_may_arrive_byte_by_byte(self, owner: AsyncClient) -> None:
        body = raw(raw_file(PNG, kind=b"image/png"))
        feed = Feed(*(body[place : place + 1] for place in range(len(body))))

        response = await owner.post(FILES, content=feed, headers=FORM)

        assert response.json()["sha256"] == hashlib.sha256(PNG).hexdigest()

    async def test_name_is_only_a_name(self, owner: AsyncClient, folder: Path) -> None:
        name = "../../etc/pass\u202ewd\x07.pdf".encode()

        response = await owner.post(FILES, content=raw(raw_file(PDF, name=name)), headers=FORM)

        assert response.json()["name"] == "passwd.pdf"
        assert (folder / response.json()["id"]).read_bytes() == PDF

    async def test_every_broken_rule_is_named(self, owner: AsyncClient) -> None:
        fields = {"description": "x" * 501, "path": "a/../b"}

        response = await owner.post(FILES, files=[("colour", (None, b"red"))], data=fields)

        assert broken(response) == {
            "/body/file": "missing",
            "/body/description": "string_too_long",
            "/body/path": "string_pattern_mismatch",
            "/body/colour": "extra_forbidden",
        }

    @pytest.mark.parametrize(
        "path", ["/a", "a/", "a//b", "..", "a/..", ".hidden", "a\\b", "a b", "ä", "a" * 501, "a\0"]
    )
    async def test_path_of_other_form_is_rejected(self, owner: AsyncClient, path: str) -> None:
        response = await owner.post(FILES, files=files(PDF), data={"path": path})

        assert broken(response).keys() == {"/body/path"}

    @pytest.mark.parametrize(
        ("head", "value", "expected"),
        [
            (b"", "Gr\u00f6\u00dfe".encode(), "Gr\u00f6\u00dfe"),
            (
                b"Content-Type: text/plain; charset=ISO-8859-1\r\n",
                b"Gr\xf6\xdfe",
                "Gr\u00f6\u00dfe",
            ),
            (b"Content-Type: text/plain; charset=utf-8\r\n", "\u20ac".encode(), "\u20ac"),
        ],
    )
    async def test_field_is_decoded_in_its_declared_charset(
        self, owner: AsyncClient, head: bytes, value: bytes, expected: str
    ) -> None:
        field = b'Content-Disposition: form-data; name="description"\r\n' + head + b"\r\n" + value

        response = await owner.post(FILES, content=raw(raw_file(PDF), field), headers=FORM)

        assert response.json()["description"] == expected

    async def test_charset_field_declares_the_charset(self, owner: AsyncClient) -> None:
        charset = b'Content-Disposition: form-data; name="_charset_"\r\n\r\niso-8859-1'
        field = b'Content-Disposition: form-data; name="description"\r\n\r\nGr\xf6\xdfe'

        response = await owner.post(FILES, content=raw(charset, raw_file(PDF), field), headers=FORM)

        assert response.json()["description"] == "Gr\u00f6\u00dfe"

    @pytest.mark.parametrize(
        ("head", "value", "code"),
        [
            (b"", b"Gr\xf6\xdfe", "text_encoding"),
            (b"Content-Type: text/plain; charset=utf-7\r\n", b"x", "charset_unsupported"),
            (b"Content-Type: text/plain; charset=nothing\r\n", b"x", "charset_unsupported"),
        ],
    )
    async def test_field_in_another_charset_is_rejected(
        self, owner: AsyncClient, head: bytes, value: bytes, code: str
    ) -> None:
        field = b'Content-Disposition: form-data; name="description"\r\n' + head + b"\r\n" + value

        response = await owner.post(FILES, content=raw(raw_file(PDF), field), headers=FORM)

        assert broken(response) == {"/body/description": code}

    async def test_file_name_in_invalid_utf_8_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(
            FILES, content=raw(raw_file(PDF, name=b"Gr\xf6.pdf")), headers=FORM
        )

        assert broken(response) == {"/body/file": "text_encoding"}

    @pytest.mark.parametrize(
        "names",
        [
            b"filename*=iso-8859-1'de'Gr%F6.pdf",
            # As .NET sends it.
            b"filename=\"=?utf-8?B?R3LDti5wZGY=?=\"; filename*=utf-8''Gr%C3%B6.pdf",
            b"filename*=utf-8''Gr%c3%b6.pdf; filename=\"Gr.pdf\"",
            b'filename="Gr\xc3\xb6.pdf"; filename*=neither',
        ],
    )
    async def test_extended_file_name_is_preferred(self, owner: AsyncClient, names: bytes) -> None:
        part = (
            b'Content-Disposition: form-data; name="file"; ' + names + b"\r\n"
            b"Content-Type: application/pdf\r\n\r\n" + PDF
        )

        response = await owner.post(FILES, content=raw(part), headers=FORM)

        assert response.json()["name"] == "Gr\u00f6.pdf"

    async def test_path_is_unique_for_each_owner(
        self, owner: AsyncClient, other_client: AsyncClient
    ) -> None:
        await upload(owner, path="a.pdf")
        await upload(other_client, path="a.pdf")

        response = await owner.post(FILES, files=files(PDF), data={"path": "a.pdf"})

        assert_problem(response, 409, "path_taken")

    async def test_path_is_unique_under_concurrency(self, owner: AsyncClient) -> None:
        responses = await asyncio.gather(
            *(owner.post(FILES, files=files(PDF), data={"path": "a.pdf"}) for _ in range(8))
        )

        assert sorted(response.status_code for response in responses) == [201] + [409] * 7

    async def test_second_file_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(FILES, files=files(PDF, PDF))

        assert broken(response) == {"/body/file": "too_long"}

    async def test_empty_file_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(FILES, files=files(b""))

        assert broken(response) == {"/body/file": "file_empty"}

    async def test_other_content_than_declared_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(FILES, files=files(PNG, kind="application/pdf"))

        assert_problem(response, 415, "unsupported_media_type")

    async def test_program_is_rejected(self, owner: AsyncClient) -> None:
        program = b"\x7fELF" + b"\0" * 100

        response = await owner.post(FILES, files=files(program, kind="application/octet-stream"))

        assert_problem(response, 415, "unsupported_media_type")

    async def test_text_with_late_binary_bytes_is_rejected(self, owner: AsyncClient) -> None:
        content = b"all is well\n" * 10_000 + b"\0"

        response = await owner.post(FILES, files=files(content, name="a.txt", kind="text/plain"))

        assert_problem(response, 415, "unsupported_media_type")

    async def test_forbidden_media_type_is_rejected(self, running: Running, user: User) -> None:
        async with strict(running, user, upload_media_types=frozenset({"image/png"})) as owner:
            response = await owner.post(FILES, files=files(PDF))

        assert_problem(response, 415, "unsupported_media_type")

    async def test_other_body_than_a_form_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(FILES, json={"file": "report.pdf"})

        assert_problem(response, 415, "unsupported_media_type")

    @pytest.mark.parametrize(
        "body",
        [
            raw(raw_file(PDF), end=b""),
            raw(raw_file(PDF))[:5000],
            raw(b"no header at all"),
            b"",
            b"no form at all",
        ],
    )
    async def test_malformed_body_is_rejected(self, owner: AsyncClient, body: bytes) -> None:
        response = await owner.post(FILES, content=body, headers=FORM)

        assert_problem(response, 400, "bad_request")

    @pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'b' * 300}"])
    async def test_useless_boundary_is_rejected(self, owner: AsyncClient, boundary: str) -> None:
        headers = {"Content-Type": f"multipart/form-data{boundary}"}

        response = await owner.post(FILES, content=raw(raw_file(PDF)), headers=headers)

        assert_problem(response, 400, "bad_request")

    async def test_too_many_fields_are_rejected(self, owner: AsyncClient) -> None:
        fields = {f"field{number}": "x" for number in range(21)}

        response = await owner.post(FILES, files=files(PDF), data=fields)

        assert_problem(response, 413, "content_too_large")

    async def test_huge_field_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.post(FILES, files=files(PDF), data={"path": "a" * 5000})

        assert_problem(response, 413, "content_too_large")

    async def test_no_connection_is_held_while_bytes_arrive(
        self, app: FastAPI, owner: AsyncClient
    ) -> None:
        held: list[int] = []
        body = raw(raw_file(PDF))

        async def feed() -> AsyncIterator[bytes]:
            yield body[:9000]
            held.append(reads_of(app).pool.requests.in_use)
            yield body[9000:]

        response = await owner.post(FILES, content=feed(), headers=FORM)

        assert response.status_code == 201
        assert held == [0]

    @pytest.mark.parametrize("name", ["upload_timeout_seconds", "upload_idle_timeout_seconds"])
    async def test_slow_upload_is_rejected(self, running: Running, user: User, name: str) -> None:
        feed = Feed(raw(raw_file(PDF))[:9000], then=asyncio.Event().wait)

        async with strict(running, user, **{name: 0.05}) as owner:
            response = await owner.post(FILES, content=feed, headers=FORM)

        assert_problem(response, 408, "upload_too_slow")

    async def test_disconnected_client_leaves_nothing_behind(
        self, app: FastAPI, user: User
    ) -> None:
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": raw(raw_file(PDF))[:9000], "more_body": True},
            {"type": "http.disconnect"},
        ]
        token = await access_token(app, user)

        status = await answered(app, token, messages)

        assert status == 400

    async def test_failed_commit_leaves_nothing_behind(
        self, owner: AsyncClient, failing_commit: None
    ) -> None:
        response = await owner.post(FILES, files=files(PDF))

        assert_problem(response, 422, "constraint_violation")


class TestLimits:
    async def test_declared_size_is_rejected_before_anything_is_read(
        self, running: Running, user: User
    ) -> None:
        feed = Feed(raw(raw_file(PDF)))
        headers = FORM | {"Content-Length": str(100 * KIB)}

        async with strict(running, user, max_upload_bytes=64 * KIB) as owner:
            response = await owner.post(FILES, content=feed, headers=headers)

        assert_problem(response, 413, "content_too_large")
        assert feed.taken == 0

    async def test_undeclared_size_is_rejected_before_64_kib_more_are_read(
        self, running: Running, user: User
    ) -> None:
        body = raw(raw_file(b"%PDF-1.7" + b"x" * 300 * KIB))
        feed = Feed(*(body[place : place + KIB] for place in range(0, len(body), KIB)))

        async with strict(running, user, max_upload_bytes=64 * KIB) as owner:
            response = await owner.post(FILES, content=feed, headers=FORM)

        assert_problem(response, 413, "content_too_large")
        assert feed.taken < 128 * KIB

    @pytest.mark.parametrize(("size", "status"), [(1000, 201), (1001, 413)])
    async def test_limit_is_exact(
        self, running: Running, user: User, size: int, status: int
    ) -> None:
        async with strict(running, user, max_upload_bytes=1000) as owner:
            response = await owner.post(FILES, files=files(PDF[:size]))

        assert response.status_code == status

    async def test_quota_in_bytes_is_exact_under_concurrency(
        self, running: Running, user: User
    ) -> None:
        async with strict(running, user, upload_quota_bytes=3 * len(PDF)) as owner:
            responses = await asyncio.gather(
                *(owner.post(FILES, files=files(PDF)) for _ in range(12))
            )

        assert sorted(response.status_code for response in responses) == [201] * 3 + [413] * 9
        assert {response.json().get("code") for response in responses} == {None, "quota_exceeded"}

    async def test_quota_in_files_is_exact_under_concurrency(
        self, running: Running, user: User
    ) -> None:
        async with strict(running, user, upload_quota_files=2) as owner:
            responses = await asyncio.gather(
                *(owner.post(FILES, files=files(PDF)) for _ in range(8))
            )

        assert sorted(response.status_code for response in responses) == [201] * 2 + [413] * 6

    async def test_used_up_quota_is_rejected_before_anything_is_read(
        self, running: Running, user: User, save: Save
    ) -> None:
        await save(make_file(user, size=10 * KIB))
        feed = Feed(raw(raw_file(PDF)))

        async with strict(running, user, upload_quota_bytes=10 * KIB) as owner:
            response = await owner.post(FILES, content=feed, headers=FORM)

        assert_problem(response, 413, "quota_exceeded")
        assert feed.taken == 0

    async def test_quota_applies_to_each_owner(
        self, running: Running, user: User, other_user: User, save: Save
    ) -> None:
        await save(make_file(other_user, size=10 * KIB))

        async with strict(running, user, upload_quota_bytes=len(PDF)) as owner:
            response = await owner.post(FILES, files=files(PDF))

        assert response.status_code == 201

    async def test_deleting_makes_room(self, running: Running, user: User) -> None:
        async with strict(running, user, upload_quota_bytes=len(PDF)) as owner:
            first = await upload(owner)
            await owner.delete(f"{FILES}/{first['id']}")

            response = await owner.post(FILES, files=files(PDF))

        assert response.status_code == 201


class TestUploadsInProgress:
    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"uploads_per_user": 2}, 429, "too_many_at_once"),
            ({"uploads_per_process": 2}, 503, "overloaded"),
        ],
    )
    async def test_upload_beyond_the_bound_is_rejected_before_anything_is_read(
        self, running: Running, user: User, changes: dict[str, int], status: int, code: str
    ) -> None:
        go_on, feeds = asyncio.Event(), [Feed(raw(raw_file(PDF))[:9000]) for _ in range(3)]
        feeds[0].then = feeds[1].then = partial(wait_for, go_on)
        async with strict(running, user, **changes) as owner:
            started = [asyncio.create_task(send(owner, feed)) for feed in feeds[:2]]
            await eventually(lambda: all(feed.taken for feed in feeds[:2]))
            rejected = await send(owner, feeds[2])
            go_on.set()
            await asyncio.gather(*started)
            again = await owner.post(FILES, files=files(PDF))

        assert_problem(rejected, status, code)
        assert rejected.headers["retry-after"] == "5"
        assert feeds[2].taken == 0
        assert again.status_code == 201

    @pytest.mark.parametrize("path", [FILES, BATCH])
    async def test_upload_of_a_credential_that_was_revoked_meanwhile_is_not_stored(
        self, owner: AsyncClient, as_user: As, user: User, path: str
    ) -> None:
        field = raw_file(PDF) if path == FILES else raw_file(PDF).replace(b'"file"', b'"files"')
        body, headers = raw(field), FORM | {"Idempotency-Key": "one"}

        async def feed() -> AsyncIterator[bytes]:
            yield body[:9000]
            assert (await owner.post("/api/v1/auth/logout")).status_code == 204
            yield body[9000:]

        response = await owner.post(path, content=feed(), headers=headers)

        assert_problem(response, 401, "invalid_token")
        assert names(await (await as_user(user)).get(FILES)) == []


async def send(client: AsyncClient, feed: Feed) -> Response:
    return await client.post(FILES, content=feed, headers=FORM)


async def wait_for(event: asyncio.Event) -> None:
    await event.wait()


class TestDownloadsInProgress:
    @pytest.mark.parametrize(
        ("changes", "status", "code"),
        [
            ({"downloads_per_user": 1}, 429, "too_many_at_once"),
            ({"downloads_per_process": 1}, 503, "overloaded"),
        ],
    )
    async def test_download_occupies_a_slot_until_its_last_byte_is_sent(
        self, running: Running, user: User, changes: dict[str, int], status: int, code: str
    ) -> None:
        async with running(**changes) as app, serving(app) as port:
            token = await access_token(app, user)
            async with new_client(app, Authorization=f"Bearer {token}") as owner:
                url = await content_url(owner, b"%PDF-1.7" + bytes(8 * MIB))
                async with connected(port) as slow:
                    await slow.send(b"GET %b HTTP/1.1\r\nHost: test\r\n" % url.encode())
                    await slow.send(b"Authorization: Bearer %b\r\n\r\n" % token.encode())
                    await slow.reader.readline()
                    rejected = await owner.get(url)
                await eventually(partial(has_status, owner, url, 200))

        assert_problem(rejected, status, code)
        assert rejected.headers["retry-after"] == "5"


async def has_status(client: AsyncClient, url: str, status: int) -> bool:
    return (await client.get(url)).status_code == status


class TestFullDisk:
    """The drill of promise P24, on a real file system that has no room."""

    async def test_leaves_nothing_behind(
        self, running: Running, user: User, tiny_disk: Path
    ) -> None:
        content = b"%PDF-1.7" + os.urandom(2 * MIB)

        async with strict(running, user, storage_url=str(tiny_disk)) as owner:
            single = await owner.post(FILES, files=files(content))
            batch = await owner.post(BATCH, files=files(PDF, PDF, content, field="files"))
            page = await owner.get(FILES)

        assert_problem(single, 507, "insufficient_storage")
        assert_problem(batch, 507, "insufficient_storage")
        assert page.json()["items"] == []
        assert listed(tiny_disk) == set()

    async def test_takes_files_again_when_there_is_room(
        self, running: Running, user: User, tiny_disk: Path
    ) -> None:
        async with strict(running, user, storage_url=str(tiny_disk)) as owner:
            ballast = tiny_disk / "ballast"
            ballast.write_bytes(b"\0" * 1020 * KIB)
            rejected = await owner.post(FILES, files=files(PDF))
            ballast.unlink()

            accepted = await owner.post(FILES, files=files(PDF))

            assert_problem(rejected, 507, "insufficient_storage")
            assert accepted.status_code == 201
            assert listed(tiny_disk) == {accepted.json()["id"]}

    async def test_unreachable_storage_is_reported(
        self, running: Running, user: User, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()

        async with strict(running, user, storage_url=str(tmp_path / "file" / "below")) as owner:
            response = await owner.post(FILES, files=files(PDF))

        assert_problem(response, 503, "storage_unavailable")


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
class TestOverTheWire:
    """Large files, sent and fetched by curl through a real server."""

    async def test_memory_stays_flat(self, app: FastAPI, user: User, tmp_path: Path) -> None:
        content = b"%PDF-1.7" + os.urandom(15 * MIB)
        (tmp_path / "big.pdf").write_bytes(content)
        before = peak_memory()

        async with serving(app) as port:
            curl = partial(run_curl, tmp_path, port, await access_token(app, user))
            sent = await curl("files/batch", *["--form", "files=@big.pdf"] * 6)
            file = json.loads(sent)["files"][5]
            whole = await curl(f"files/{file['id']}/content")
            part = await curl(f"files/{file['id']}/content", "--range", "5-104")

        assert file["sha256"] == hashlib.sha256(whole).hexdigest()
        assert part == content[5:105]
        # 90 MiB went in; the response to curl, collected by this process, is 15 of the growth.
        assert peak_memory() - before < 60 * MIB

    async def test_too_large_upload_is_rejected_over_the_wire(
        self, app: FastAPI, user: User, tmp_path: Path
    ) -> None:
        (tmp_path / "huge.pdf").write_bytes(b"%PDF-1.7" + b"x" * 40 * MIB)

        async with serving(app) as port:
            curl = partial(run_curl, tmp_path, port, await access_token(app, user))
            form = ("--form", "file=@huge.pdf")
            declared = await curl("files", *form)
            chunked = await curl("files", *form, "--header", "Transfer-Encoding: chunked")

        for response in (declared, chunked):
            assert json.loads(response)["code"] == "content_too_large"


async def run_curl(folder: Path, port: int, token: str, path: str, *options: str) -> bytes:
    url = f"http://127.0.0.1:{port}/api/v1/{path}"
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", "--show-error", "--header", f"Authorization: Bearer {token}"),
        *(*options, url),
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
    )
    response, _ = await process.communicate()
    return response


def peak_memory() -> int:
    """Return the peak memory of this process, in bytes."""
    return getrusage(RUSAGE_SELF).ru_maxrss * KIB


class TestIdempotency:
    KEY: ClassVar = {"Idempotency-Key": "one"}

    async def test_same_files_get_the_first_response_again(self, owner: AsyncClient) -> None:
        first = await owner.post(FILES, files=files(PDF), headers=self.KEY)

        second = await owner.post(FILES, files=files(PDF), headers=self.KEY)

        assert second.status_code == 201
        assert second.content == first.content
        assert second.headers["Location"] == first.headers["Location"]
        assert second.headers["Idempotency-Replayed"] == "true"
        assert len((await owner.get(FILES)).json()["items"]) == 1

    async def test_other_file_is_rejected(self, owner: AsyncClient) -> None:
        await owner.post(FILES, files=files(PDF), headers=self.KEY)

        response = await owner.post(FILES, files=files(PDF + b"more"), headers=self.KEY)

        assert_problem(response, 422, "idempotency_key_reused")

    async def test_concurrent_requests_with_one_key_create_one_file(
        self, owner: AsyncClient
    ) -> None:
        responses = await asyncio.gather(
            *(owner.post(FILES, files=files(PDF), headers=self.KEY) for _ in range(8))
        )

        page = await owner.get(FILES)
        assert {response.status_code for response in responses} <= {201, 409}
        assert [file["size"] for file in page.json()["items"]] == [len(PDF)]

    async def test_batch_is_replayed_too(self, owner: AsyncClient) -> None:
        sent = files(PDF, PNG, field="files", kind="")
        first = await owner.post(BATCH, files=sent, headers=self.KEY)

        second = await owner.post(BATCH, files=sent, headers=self.KEY)

        assert second.content == first.content
        assert second.headers["Idempotency-Replayed"] == "true"


class TestCreateFiles:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.post(BATCH, files=files(PDF, field="files"))

        assert_problem(response, 401, "unauthenticated")

    async def test_answers_in_the_order_sent(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, files=files(PDF, PNG, PDF, field="files", kind=""))

        kinds = [file["content_type"] for file in response.json()["files"]]
        assert response.status_code == 201
        assert kinds == ["application/pdf", "image/png", "application/pdf"]

    async def test_one_rejected_file_rejects_all(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, files=files(PDF, PDF, PNG, field="files"))

        assert_problem(response, 415, "unsupported_media_type")
        assert (await owner.get(FILES)).json()["items"] == []

    async def test_empty_file_input_is_ignored(self, owner: AsyncClient) -> None:
        nothing = (
            b'Content-Disposition: form-data; name="files"; filename=""\r\n'
            b"Content-Type: application/octet-stream\r\n\r\n"
        )
        one = raw_file(PDF).replace(b'name="file"', b'name="files"')

        response = await owner.post(BATCH, content=raw(one, nothing), headers=FORM)
        alone = await owner.post(BATCH, content=raw(nothing), headers=FORM)

        assert [file["size"] for file in response.json()["files"]] == [len(PDF)]
        assert broken(alone) == {"/body/files": "missing"}

    async def test_one_too_many_rejects_all(self, owner: AsyncClient) -> None:
        response = await owner.post(BATCH, files=files(*[PDF] * 11, field="files"))

        assert broken(response) == {"/body/files": "too_long"}

    async def test_quota_counts_all_files_of_the_batch(self, running: Running, user: User) -> None:
        async with strict(running, user, upload_quota_files=2) as owner:
            response = await owner.post(BATCH, files=files(PDF, PDF, PDF, field="files"))

        assert_problem(response, 413, "quota_exceeded")

    async def test_limit_is_of_each_file(self, running: Running, user: User) -> None:
        async with strict(running, user, max_upload_bytes=len(PDF)) as owner:
            fitting = await owner.post(BATCH, files=files(*[PDF] * 10, field="files"))
            exceeding = await owner.post(BATCH, files=files(PDF, PDF + b"x", field="files"))

        assert fitting.status_code == 201
        assert_problem(exceeding, 413, "content_too_large")

    async def test_fields_are_rejected(self, owner: AsyncClient) -> None:
        fields = {"path": "a.pdf"}

        response = await owner.post(BATCH, files=files(PDF, field="files"), data=fields)

        assert broken(response) == {"/body/path": "extra_forbidden"}


class TestListFiles:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(FILES)

        assert_problem(response, 401, "unauthenticated")

    async def test_every_authenticated_user_sees_all(
        self, as_user: As, guest: User, save: Save, user: User
    ) -> None:
        await save(make_file(user, name="a"))
        await save(make_file(user, name="b"))

        response = await (await as_user(guest)).get(FILES)

        assert names(response) == ["b", "a"]

    async def test_filters_by_owner(
        self, owner: AsyncClient, save: Save, user: User, other_user: User
    ) -> None:
        await save(make_file(user, name="mine"))
        await save(make_file(other_user, name="theirs"))

        response = await owner.get(FILES, params={"owner_id": str(other_user.id)})

        assert names(response) == ["theirs"]

    async def test_filters_by_content_type(
        self, owner: AsyncClient, save: Save, user: User
    ) -> None:
        await save(make_file(user, name="image", content_type="image/png"))
        await save(make_file(user, name="text", content_type="text/plain"))

        response = await owner.get(FILES, params={"content_type": "image/png"})

        assert names(response) == ["image"]

    async def test_unknown_content_type_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.get(FILES, params={"content_type": "text/html"})

        assert broken(response) == {"/query/content_type": "literal_error"}

    @pytest.mark.parametrize(
        "sort", ["name", "-name", "size", "-size", "created_at", "-created_at"]
    )
    async def test_pages_by_cursor_contain_each_file_once(
        self, owner: AsyncClient, save: Save, user: User, sort: str
    ) -> None:
        for number in (3, 1, 2, 2, 3):
            await save(make_file(user, name=f"file{number}", size=number))

        found: list[dict[str, Any]] = []
        params: dict[str, str | int] = {"sort": sort, "limit": 2}
        while "cursor" not in params or params["cursor"]:
            page = (await owner.get(FILES, params=params)).json()
            found += page["items"]
            params["cursor"] = page["next_cursor"]

        field = sort.removeprefix("-")
        values = [file[field] for file in found]
        assert len({file["id"] for file in found}) == 5
        assert values == sorted(values, reverse=sort.startswith("-"))

    async def test_costs_one_query(
        self, app: FastAPI, owner: AsyncClient, save: Save, user: User
    ) -> None:
        for _ in range(3):
            await save(make_file(user))
        await owner.get(FILES)
        before = reads_of(app).statements

        await owner.get(FILES)

        assert reads_of(app).statements == before + 1


class TestReadFile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(f"{FILES}/{UNKNOWN_ID}")

        assert_problem(response, 401, "unauthenticated")

    async def test_every_authenticated_user_may_read(
        self, owner: AsyncClient, as_user: As, guest: User
    ) -> None:
        file = await upload(owner)

        response = await (await as_user(guest)).get(f"{FILES}/{file['id']}")

        assert response.status_code == 200
        assert response.json() == file

    async def test_known_version_is_not_sent_again(self, owner: AsyncClient) -> None:
        file = await upload(owner)
        first = await owner.get(f"{FILES}/{file['id']}")

        headers = {"If-None-Match": first.headers["ETag"]}
        response = await owner.get(f"{FILES}/{file['id']}", headers=headers)

        assert response.status_code == 304

    async def test_missing_is_not_found(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{FILES}/{UNKNOWN_ID}")

        assert_problem(response, 404, "not_found")

    async def test_malformed_id_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{FILES}/report.pdf")

        assert broken(response) == {"/path/file_id": "uuid_parsing"}


class TestReadFileByPath:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(f"{FILES}/by-path/docs/report.pdf")

        assert_problem(response, 401, "unauthenticated")

    @pytest.mark.parametrize("path", ["docs/2026/report.pdf", "content", "a", "x/content"])
    async def test_own_file_is_found(self, owner: AsyncClient, path: str) -> None:
        file = await upload(owner, path=path)

        response = await owner.get(f"{FILES}/by-path/{path}")

        assert response.status_code == 200
        assert response.json() == file

    async def test_path_of_another_user_is_not_found(
        self, owner: AsyncClient, other_client: AsyncClient
    ) -> None:
        await upload(owner, path="report.pdf")

        response = await other_client.get(f"{FILES}/by-path/report.pdf")

        assert_problem(response, 404, "not_found")

    async def test_malformed_path_is_rejected(self, owner: AsyncClient) -> None:
        response = await owner.get(f"{FILES}/by-path/a%00b")

        assert broken(response) == {"/path/file_path": "string_pattern_mismatch"}


class TestReadFileContent:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.get(f"{FILES}/{UNKNOWN_ID}/content")

        assert_problem(response, 401, "unauthenticated")

    async def test_every_authenticated_user_may_read(
        self, owner: AsyncClient, as_user: As, guest: User
    ) -> None:
        url = await content_url(owner)

        response = await (await as_user(guest)).get(url)

        assert response.status_code == 200
        assert response.content == PDF

    async def test_content_is_a_download_without_sniffing(self, owner: AsyncClient) -> None:
        response = await owner.get(await content_url(owner))

        assert response.headers["Content-Type"] == "application/pdf"
        assert response.headers["Content-Length"] == str(len(PDF))
        assert response.headers["Content-Disposition"].startswith("attachment;")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Accept-Ranges"] == "bytes"

    async def test_name_is_sent_in_both_spellings(self, owner: AsyncClient) -> None:
        name = 'März "26" 50%.pdf'.encode()
        file = await owner.post(FILES, content=raw(raw_file(PDF, name=name)), headers=FORM)

        response = await owner.get(f"{file.headers['Location']}/content")

        assert response.headers["Content-Disposition"] == (
            'attachment; filename="M?rz _26_ 50_.pdf"; '
            "filename*=UTF-8''M%C3%A4rz%20%2226%22%2050%25.pdf"
        )

    @pytest.mark.parametrize(
        ("wanted", "first", "last"),
        [
            ("bytes=0-0", 0, 0),
            ("bytes=5-9", 5, 9),
            ("bytes=10000-", 10_000, len(PDF) - 1),
            ("bytes=-7", len(PDF) - 7, len(PDF) - 1),
            ("bytes=-999999", 0, len(PDF) - 1),
            ("bytes=0-999999", 0, len(PDF) - 1),
        ],
    )
    async def test_range_is_sent_alone(
        self, owner: AsyncClient, wanted: str, first: int, last: int
    ) -> None:
        response = await owner.get(await content_url(owner), headers={"Range": wanted})

        assert response.status_code == 206
        assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(PDF)}"
        assert response.content == PDF[first : last + 1]

    @pytest.mark.parametrize(
        "wanted", ["bytes=0-0,5-9", "bytes=9-5", "lines=0-1", "bytes=", "bytes=-", "bytes=a-b"]
    )
    async def test_several_ranges_and_none_at_all_get_the_whole(
        self, owner: AsyncClient, wanted: str
    ) -> None:
        response = await owner.get(await content_url(owner), headers={"Range": wanted})

        assert response.status_code == 200
        assert response.content == PDF

    @pytest.mark.parametrize("wanted", [f"bytes={len(PDF)}-", "bytes=-0", f"bytes={'9' * 18}-"])
    async def test_range_beyond_the_end_is_rejected(self, owner: AsyncClient, wanted: str) -> None:
        response = await owner.get(await content_url(owner), headers={"Range": wanted})

        assert_problem(response, 416, "range_not_satisfiable")
        assert response.headers["Content-Range"] == f"bytes */{len(PDF)}"

    async def test_range_of_these_bytes_is_sent(self, owner: AsyncClient) -> None:
        url = await content_url(owner)
        whole = await owner.get(url)

        for validator in ("ETag", "Last-Modified"):
            headers = {"Range": "bytes=0-4", "If-Range": whole.headers[validator]}
            response = await owner.get(url, headers=headers)

            assert response.status_code == 206

    async def test_range_of_other_bytes_gets_the_whole(self, owner: AsyncClient) -> None:
        headers = {"Range": "bytes=0-4", "If-Range": '"another"'}

        response = await owner.get(await content_url(owner), headers=headers)

        assert response.status_code == 200

    async def test_known_bytes_are_not_sent_again(self, owner: AsyncClient) -> None:
        headers = {"If-None-Match": f'"{hashlib.sha256(PDF).hexdigest()}"'}

        response = await owner.get(await content_url(owner), headers=headers)

        assert response.status_code == 304
        assert response.content == b""

    async def test_head_is_answered_alike(self, owner: AsyncClient) -> None:
        url = await content_url(owner)

        response = await owner.head(url)

        assert response.status_code == 200
        assert response.headers["Content-Length"] == str(len(PDF))
        assert response.content == b""

    async def test_is_never_compressed(self, owner: AsyncClient) -> None:
        content = b"the same line\n" * 1000
        file = await owner.post(FILES, files=files(content, name="a.txt", kind="text/plain"))

        url = f"{file.headers['Location']}/content"
        response = await owner.get(url, headers={"Accept-Encoding": "gzip"})

        assert "Content-Encoding" not in response.headers
        assert response.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert response.content == content

    async def test_lost_bytes_are_not_found(
        self, owner: AsyncClient, save: Save, user: User
    ) -> None:
        file = await save(make_file(user))

        response = await owner.get(f"{FILES}/{file.id}/content")

        assert_problem(response, 404, "not_found")


class TestDeleteFile:
    async def test_needs_a_token(self, client: AsyncClient) -> None:
        response = await client.delete(f"{FILES}/{UNKNOWN_ID}")

        assert_problem(response, 401, "unauthenticated")

    async def test_row_and_bytes_are_gone(self, owner: AsyncClient, folder: Path) -> None:
        file = await upload(owner)

        response = await owner.delete(f"{FILES}/{file['id']}")

        assert response.status_code == 204
        assert not (folder / file["id"]).exists()
        assert_problem(await owner.get(f"{FILES}/{file['id']}"), 404, "not_found")

    async def test_path_is_free_again(self, owner: AsyncClient) -> None:
        file = await upload(owner, path="a.pdf")

        await owner.delete(f"{FILES}/{file['id']}")

        assert (await upload(owner, path="a.pdf"))["path"] == "a.pdf"

    async def test_another_user_is_rejected(
        self, owner: AsyncClient, other_client: AsyncClient
    ) -> None:
        url = await content_url(owner)

        response = await other_client.delete(url.removesuffix("/content"))

        assert_problem(response, 403, "not_permitted")
        assert (await owner.get(url)).content == PDF

    async def test_administrator_may(self, owner: AsyncClient, as_user: As, admin: User) -> None:
        file = await upload(owner)

        response = await (await as_user(admin)).delete(f"{FILES}/{file['id']}")

        assert response.status_code == 204

    async def test_stale_version_is_rejected(self, owner: AsyncClient) -> None:
        file = await upload(owner)

        response = await owner.delete(f"{FILES}/{file['id']}", headers={"If-Match": '"2"'})

        assert_problem(response, 412, "precondition_failed")

    async def test_missing_is_not_found(self, owner: AsyncClient) -> None:
        response = await owner.delete(f"{FILES}/{UNKNOWN_ID}")

        assert_problem(response, 404, "not_found")
