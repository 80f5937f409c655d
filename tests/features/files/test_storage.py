"""The storage port over a folder and over an S3 server on this machine."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.errors import BadRequest, NotFound
from app.features.files.lifespan import FileResources
from app.features.files.object_storage import BucketStorage, FolderStorage, create_storage
from app.features.files.storage import (
    Download,
    InsufficientStorage,
    Storage,
    StorageUnavailable,
    discard,
)
from app.features.users.models.user import User
from tests.conftest import Running, access_token, new_client
from tests.e2e.service import free_port
from tests.polling import eventually, wait_until
from tests.state import resources_of

MIB = 1024 * 1024
DOWNLOAD = Download("image/png", 'attachment; filename="a.png"')
START_SECONDS = 60
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 100


@pytest.fixture(scope="module")
def environment() -> Iterator[pytest.MonkeyPatch]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AWS_ACCESS_KEY_ID", "id")
        environment.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        environment.setenv("AWS_REGION", "us-east-1")
        yield environment


@pytest.fixture(scope="module")
def s3(environment: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server with a bucket named `bucket`."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "moto.server", "--port", str(port)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:
        make_bucket(f"{address}/bucket")
        environment.setenv("AWS_ENDPOINT", address)
        yield address
        server.kill()


def make_bucket(url: str) -> None:
    def is_made() -> bool:
        try:
            return httpx2.put(url).raise_for_status().is_success
        except httpx2.TransportError:
            return False

    wait_until(is_made, START_SECONDS)


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return create_storage(str(tmp_path / "files"))
    request.getfixturevalue("s3")
    return create_storage(f"s3://bucket/{tmp_path.name}/files")


async def chunks(*contents: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for content in contents:
        yield content
    if error:
        raise error


async def content(storage: Storage, key: str, start: int = 0, end: int = 2**40) -> bytes:
    return b"".join([chunk async for chunk in await storage.read(key, start, end)])


async def names(storage: Storage) -> list[str]:
    return sorted([name async for name in storage.names()])


class TestStorage:
    async def test_returns_the_bytes_that_were_written(self, storage: Storage) -> None:
        sent = [bytes([number]) * MIB for number in range(12)]

        await storage.write("key", chunks(*sent), DOWNLOAD)

        assert await content(storage, "key") == b"".join(sent)

    async def test_returns_a_range(self, storage: Storage) -> None:
        await storage.write("key", chunks(b"0123", b"456789"), DOWNLOAD)

        assert await content(storage, "key", 3, 6) == b"345"

    async def test_lists_its_objects(self, storage: Storage) -> None:
        for key in ("one", "two"):
            await storage.write(key, chunks(b"content"), DOWNLOAD)

        assert await names(storage) == ["one", "two"]

    async def test_is_empty_at_first(self, storage: Storage) -> None:
        assert await names(storage) == []

    async def test_missing_object_is_not_found(self, storage: Storage) -> None:
        with pytest.raises(NotFound):
            await storage.read("key", 0, 10)

    async def test_deleting_a_missing_object_succeeds(self, storage: Storage) -> None:
        await storage.write("key", chunks(b"content"), DOWNLOAD)

        for _ in range(2):
            await storage.delete("key")

        assert await names(storage) == []

    @pytest.mark.parametrize("size", [1, 11])
    async def test_interrupted_upload_leaves_nothing(self, storage: Storage, size: int) -> None:
        error = BadRequest("The client disconnected.")

        with pytest.raises(BadRequest) as raised:
            await storage.write("key", chunks(*[b"x" * MIB] * size, error=error), DOWNLOAD)

        assert raised.value is error
        assert await names(storage) == []


class TestFolderStorage:
    async def test_files_are_private_to_the_user(self, tmp_path: Path) -> None:
        await FolderStorage(tmp_path / "files").write("key", chunks(b"content"), DOWNLOAD)

        assert (tmp_path / "files").stat().st_mode & 0o777 == 0o700

    async def test_cancelled_upload_leaves_nothing(self, tmp_path: Path) -> None:
        async def endless() -> AsyncIterator[bytes]:
            while True:
                yield b"x" * MIB
                await asyncio.sleep(0)

        writing = asyncio.create_task(FolderStorage(tmp_path).write("key", endless(), DOWNLOAD))
        await eventually(lambda: list(tmp_path.iterdir()))

        writing.cancel()

        await eventually(lambda: not list(tmp_path.iterdir()))

    async def test_lists_leftovers_of_a_crash(self, tmp_path: Path) -> None:
        (tmp_path / "key#1").touch()
        storage = FolderStorage(tmp_path)

        assert await names(storage) == ["key#1"]
        await discard(storage, ["key#1"])
        assert await names(storage) == []

    async def test_folder_that_cannot_be_created_is_reported(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        storage = FolderStorage(tmp_path / "file" / "below")

        with pytest.raises(StorageUnavailable):
            await storage.write("key", chunks(b"content"), DOWNLOAD)
        with pytest.raises(StorageUnavailable):
            await storage.read("key", 0, 1)
        await discard(storage, ["key"])

    async def test_has_no_signed_urls(self, tmp_path: Path) -> None:
        assert await FolderStorage(tmp_path).signed_url("key") is None


class TestBucketStorage:
    async def test_interrupted_upload_leaves_no_parts(self, s3: str) -> None:
        error = BadRequest("The client disconnected.")

        with pytest.raises(BadRequest):
            await BucketStorage("s3://bucket/interrupted").write(
                "key", chunks(*[b"x" * MIB] * 11, error=error), DOWNLOAD
            )

        assert "<Upload>" not in httpx2.get(f"{s3}/bucket?uploads").text

    async def test_signed_url_needs_no_credentials(self, s3: str) -> None:
        storage = BucketStorage("s3://bucket/signed")
        await storage.write("key", chunks(PNG), DOWNLOAD)

        url = await storage.signed_url("key")

        response = httpx2.get(url or "")
        assert response.content == PNG
        assert response.headers["Content-Type"] == "image/png"
        assert response.headers["Content-Disposition"] == 'attachment; filename="a.png"'

    async def test_signing_sends_no_request(self, environment: pytest.MonkeyPatch) -> None:
        with environment.context() as here:
            here.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
            url = await BucketStorage("s3://bucket/folder").signed_url("key")

        assert str(url).startswith("http://127.0.0.1:1/bucket/folder/key?")
        assert "X-Amz-Expires=60" in str(url)

    async def test_missing_bucket_is_reported(self, s3: str) -> None:
        with pytest.raises(StorageUnavailable):
            await BucketStorage("s3://nowhere").write("key", chunks(b"content"), DOWNLOAD)

    async def test_refused_connection_is_reported(self, environment: pytest.MonkeyPatch) -> None:
        with environment.context() as here:
            here.setenv("AWS_ENDPOINT", "http://127.0.0.1:1")
            storage = BucketStorage("s3://bucket")

        with pytest.raises(StorageUnavailable):
            await storage.write("key", chunks(b"content"), DOWNLOAD)
        with pytest.raises(StorageUnavailable):
            await names(storage)

    async def test_full_bucket_differs_from_an_unreachable_one(
        self, environment: pytest.MonkeyPatch
    ) -> None:
        response = partial(
            answer_all, b"HTTP/1.1 507 Insufficient Storage\r\nContent-Length: 0\r\n\r\n"
        )
        async with await asyncio.start_server(response, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            with environment.context() as here:
                here.setenv("AWS_ENDPOINT", f"http://127.0.0.1:{port}")
                storage = BucketStorage("s3://bucket")

            with pytest.raises(InsufficientStorage):
                await storage.write("key", chunks(b"content"), DOWNLOAD)


async def answer_all(
    response: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(response)
    await writer.drain()
    writer.close()


class TestFilesInABucket:
    """The whole way, with an S3 server instead of the folder."""

    async def test_file_is_stored_and_returned(self, running: Running, user: User, s3: str) -> None:
        content = b"%PDF-1.7" + b"x" * 11 * MIB
        async with running(storage_url="s3://bucket/whole") as app:
            headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
            async with new_client(app, **headers) as client:
                created = await client.post("/api/v1/files", files={"file": content})
                url = created.headers["Location"]
                whole = await client.get(f"{url}/content")
                part = await client.get(f"{url}/content", headers={"Range": "bytes=-5"})
                await client.delete(url)

            assert whole.content == content
            assert (part.status_code, part.content) == (206, b"xxxxx")
            assert await names(resources_of(app)[FileResources].storage) == []

    async def test_download_is_redirected_if_configured(
        self, running: Running, user: User, s3: str
    ) -> None:
        sent: Any = {"file": ("ä.png", PNG, "image/png")}
        async with running(storage_url="s3://bucket/signed", storage_redirects=True) as app:
            headers = {"Authorization": f"Bearer {await access_token(app, user)}"}
            async with new_client(app, **headers) as client:
                created = await client.post("/api/v1/files", files=sent)
                response = await client.get(f"{created.headers['Location']}/content")

        assert response.status_code == 307
        assert response.headers["Cache-Control"] == "no-store"
        direct = httpx2.get(response.headers["Location"])
        assert direct.content == PNG
        assert direct.headers["Content-Disposition"].endswith("filename*=UTF-8''%C3%A4.png")
