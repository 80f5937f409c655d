"""The import of a catalogue: real files, real HTTP, a real kill."""

import asyncio
import csv
import gzip
import os
import sys
import threading
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from socket import create_server
from types import SimpleNamespace
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI
from sqlalchemy import select
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.config.settings import ConfigError, Settings
from app.features.items.models import Item
from app.features.users.models.user import User
from examples.catalogue_import import client as service_client
from examples.catalogue_import import diamonds
from examples.catalogue_import import importer as import_items
from examples.catalogue_import.importer import run_import
from examples.catalogue_import.report import open_rejects
from tests.conftest import Database, Save
from tests.factories import PASSWORD, make_item, make_user
from tests.state import units_of_work

HEADER = '"carat","cut","color","clarity","depth","table","price","x","y","z"'
STONE = '0.23,"Ideal","E","SI2",61.5,55,326,3.95,3.98,2.43'
OTHER = '0.21,"Premium","E","SI1",59.8,61,326,3.89,3.84,2.31'
NEW = '0.29,"Good","J","VS1",62.4,58,334,4.2,4.23,2.63'
STONE_NAME = "Ideal cut 0.23 ct E SI2, no. afb1f1353248"
TOO_DEAR = '2.29,"Premium","I","VS2",60.8,60,18823,8.5,8.47,5.16'

Fault = Callable[[ASGIApp, Scope, Receive, Send], Awaitable[None]]
Names = Callable[[], Awaitable[list[str]]]
RunImport = Callable[..., Awaitable[str]]
WriteCatalogue = Callable[..., Path]


@dataclass
class Service:
    """The app behind a real socket; each fault befalls one batch."""

    app: ASGIApp
    url: str = ""
    faults: list[Fault] = field(default_factory=list)
    batches: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fault: Fault = pass_on
        if scope["path"].endswith("/items/batch"):
            self.batches += 1
            fault = self.faults.pop(0) if self.faults else fault
        await fault(self.app, scope, receive, send)


async def pass_on(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def lose_response(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
    """Let the batch be committed, then break the connection."""

    async def swallow(message: Any) -> None:
        pass

    await app(scope, receive, swallow)
    await send({"type": "http.response.start", "status": 200, "headers": []})


def answer(status: int, **headers: str) -> Fault:
    async def fault(app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        await Response("{}", status, headers)(scope, receive, send)

    return fault


class Held:
    """A batch that has reached the service whole, and is committed when the sender is gone."""

    def __init__(self) -> None:
        self.has_arrived = asyncio.Event()
        self._is_let_go = asyncio.Event()
        self._is_committed = threading.Event()
        self._loop = asyncio.get_running_loop()

    async def __call__(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        messages = [await receive()]
        while messages[-1]["more_body"]:
            messages.append(await receive())
        messages.reverse()
        self.has_arrived.set()
        await self._is_let_go.wait()
        await app(scope, lambda: asyncio.sleep(0, messages.pop()), send)
        self._is_committed.set()

    def settle(self, _: float = 0) -> None:
        self._loop.call_soon_threadsafe(self._is_let_go.set)
        assert self._is_committed.wait(10)


async def start_import(file: Path, url: str, rejects: Path) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "examples.catalogue_import", str(file)),
        *("--url", url, "--rejects", str(rejects)),
        env=os.environ | {"IMPORT_PASSWORD": PASSWORD},
    )


@pytest.fixture(autouse=True)
def _small_and_quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(import_items, "BATCH_SIZE", 3)
    monkeypatch.setattr(import_items, "SETTLE_SECONDS", 0.05)
    monkeypatch.setattr(service_client, "PAGE_SIZE", 2)
    monkeypatch.setattr(service_client, "DELAYS_SECONDS", (0.01, 0.01))


@pytest.fixture(scope="session")
async def shared_service(shared_app: FastAPI) -> AsyncIterator[Service]:
    """Started once: uvicorn looks only each 0.1 s whether it is to stop."""
    service = Service(shared_app)
    server = uvicorn.Server(uvicorn.Config(service, lifespan="off", ws="none", log_config=None))
    server.capture_signals = nullcontext  # type: ignore[method-assign, assignment]
    listener = create_server(("127.0.0.1", 0))
    service.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    serving = asyncio.create_task(server.serve([listener]))
    yield service
    server.should_exit = True
    await serving


@pytest.fixture
def service(app: FastAPI, shared_service: Service) -> Service:
    shared_service.app, shared_service.faults, shared_service.batches = app, [], 0
    return shared_service


@pytest.fixture
async def owner(save: Save) -> User:
    return await save(make_user(username="user"))


@pytest.fixture
def names(app: FastAPI, owner: User) -> Names:
    async def names() -> list[str]:
        async with units_of_work(app).begin() as uow:
            found = await uow.session.scalars(select(Item.name).where(Item.owner_id == owner.id))
            return sorted(found)

    return names


@pytest.fixture
def rejects(tmp_path: Path) -> Path:
    return tmp_path / "rejects.csv"


@pytest.fixture
def run(
    service: Service,
    owner: User,
    settings: Settings,
    rejects: Path,
    capsys: pytest.CaptureFixture[str],
) -> RunImport:
    async def run(file: Path, **options: Any) -> str:
        given: dict[str, Any] = {
            "url": service.url,
            "username": "user",
            "password": PASSWORD,
            "rejects": rejects,
            "update": False,
        }
        await asyncio.to_thread(run_import, file, settings=settings, **given | options)
        return capsys.readouterr().out

    return run


@pytest.fixture
def catalogue(tmp_path: Path) -> WriteCatalogue:
    def write(*rows: str | bytes, header: str = HEADER) -> Path:
        lines = [row if isinstance(row, bytes) else row.encode() for row in (header, *rows)]
        path = tmp_path / "diamonds.csv.gz"
        path.write_bytes(gzip.compress(b"\n".join(lines) + b"\n"))
        return path

    return write


def rows_of(rejects: Path) -> list[dict[str, str]]:
    with rejects.open(newline="") as file:
        return list(csv.DictReader(file))


def is_complete(rejects: Path) -> bool:
    return rejects.exists()


class TestStones:
    async def test_stones_become_items(
        self, run: RunImport, catalogue: WriteCatalogue, app: FastAPI, owner: User
    ) -> None:
        await run(catalogue(STONE.replace("Ideal", "Very Good")))

        async with units_of_work(app).begin() as uow:
            item = (await uow.session.scalars(select(Item))).one()
        assert item.name == "Very Good cut 0.23 ct E SI2, no. aac16ed419a6"
        assert item.description == "0.23 ct, depth 61.5 %, table 55 %, 3.95 x 3.98 x 2.43 mm."
        assert str(item.price) == "326.00"
        assert item.tags == ["catalogue-diamonds", "cut-very-good", "color-e", "clarity-si2"]
        assert item.owner_id == owner.id

    async def test_equal_stones_become_separate_items(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names
    ) -> None:
        summary = await run(catalogue(STONE, STONE, STONE, STONE))

        first = (await names())[0]
        assert await names() == [first, *(f"{first}-{ordinal}" for ordinal in (2, 3, 4))]
        assert figures(summary)["created"] == "4"

    async def test_imported_stones_are_not_sent_again(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names, service: Service
    ) -> None:
        file = catalogue(*[STONE] * 7)
        await run(file)
        before, service.batches = await names(), 0

        summary = await run(file)

        assert await names() == before
        assert service.batches == 0
        assert figures(summary) | {"created": "0", "already there": "7"} == figures(summary)

    async def test_stones_are_read_from_an_uncompressed_file(
        self, run: RunImport, tmp_path: Path, names: Names
    ) -> None:
        file = tmp_path / "diamonds.csv"
        file.write_bytes(f"\ufeff{HEADER}\r\n\r\n{STONE}".encode())

        await run(file)

        assert await names() == [STONE_NAME]

    async def test_stones_of_other_users_are_not_recognized(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names, save: Save, other_user: User
    ) -> None:
        await save(make_item(other_user, name=STONE_NAME, tags=["catalogue-diamonds"]))

        await run(catalogue(STONE))

        assert len(await names()) == 1

    async def test_imported_stones_are_recognized_after_an_inserted_line(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names
    ) -> None:
        await run(catalogue(STONE, STONE, OTHER))

        summary = await run(catalogue(NEW, STONE, OTHER, STONE))

        assert figures(summary) | {"created": "1", "already there": "3"} == figures(summary)
        assert len(await names()) == 4

    async def test_stones_are_recognized_in_any_number_format(
        self, run: RunImport, catalogue: WriteCatalogue
    ) -> None:
        await run(catalogue(STONE))

        summary = await run(catalogue(STONE.replace("61.5,55", "61.50,55.0")))

        assert figures(summary) | {"created": "0", "already there": "1"} == figures(summary)

    async def test_stones_of_an_import_by_line_number_are_recognized(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names, save: Save, owner: User
    ) -> None:
        for line in (2, 3):
            await save(
                make_item(
                    owner,
                    name=f"Ideal cut 0.23 ct E SI2, no. {line}",
                    description="0.23 ct, depth 61.5 %, table 55 %, 3.95 x 3.98 x 2.43 mm.",
                    price=Decimal("326.00"),
                    tags=["catalogue-diamonds"],
                )
            )

        summary = await run(catalogue(NEW, STONE, STONE, STONE))

        assert figures(summary) | {"created": "2", "already there": "2"} == figures(summary)
        assert len(await names()) == 4

    def test_item_of_a_stone_is_below_a_kilobyte(self) -> None:
        row = diamonds.Row(10**9, ["9" * diamonds.MAX_FIELD_LENGTH] * len(diamonds.COLUMNS))

        assert len(str(row.item())) < 1000


class TestPrices:
    async def test_changed_prices_are_reported(
        self, run: RunImport, catalogue: WriteCatalogue, rejects: Path, database: Database
    ) -> None:
        await run(catalogue(STONE, OTHER))

        summary = await run(catalogue(STONE.replace("326", "327"), OTHER))

        expected = {"created": "0", "already there": "1", "price changed": "1"}
        assert figures(summary) | expected == figures(summary)
        (row,) = rows_of(rejects)
        assert (row["line"], row["pointer"], row["code"]) == ("2", "/price", "price_changed")
        assert row["message"] == "The service has 326.00"
        assert await prices(database) == ["326.00", "326.00"]

    async def test_changed_prices_are_updated_on_request(
        self, run: RunImport, catalogue: WriteCatalogue, database: Database
    ) -> None:
        await run(catalogue(STONE, OTHER))
        changed = catalogue(STONE.replace("326", "327"), OTHER)

        first, second = await run(changed, update=True), await run(changed, update=True)

        assert figures(first) | {"price updated": "1", "created": "0"} == figures(first)
        assert figures(second) | {"price updated": "0", "already there": "2"} == figures(second)
        assert await prices(database) == ["326.00", "327.00"]

    async def test_invalid_prices_are_rejects(
        self, run: RunImport, catalogue: WriteCatalogue, rejects: Path
    ) -> None:
        await run(catalogue(STONE))

        summary = await run(catalogue(STONE.replace("326", "32600")), update=True)

        assert figures(summary)["price updated"] == "0"
        assert (rows_of(rejects)[0]["pointer"], rows_of(rejects)[0]["line"]) == ("/price", "2")


async def prices(database: Database) -> list[str]:
    return sorted(str(row["price"]) for row in await database("SELECT price FROM items"))


class TestRejects:
    async def test_rejects_name_line_row_and_reason(
        self, run: RunImport, catalogue: WriteCatalogue, names: Names, rejects: Path
    ) -> None:
        summary = await run(catalogue(STONE, TOO_DEAR, STONE, TOO_DEAR, STONE))

        assert len(await names()) == 3
        assert [row["line"] for row in rows_of(rejects)] == ["3", "5"]
        first = rows_of(rejects)[0]
        assert (first["price"], first["clarity"]) == ("18823", "VS2")
        assert (first["pointer"], first["code"]) == ("/price", "less_than_equal")
        assert first["message"]
        assert "rejected              2  (less_than_equal 2)" in summary

    async def test_rejects_name_every_reason_of_a_row(
        self, run: RunImport, catalogue: WriteCatalogue, rejects: Path
    ) -> None:
        row = TOO_DEAR.replace("Premium", "P" * 30).replace("18823", "-1")

        await run(catalogue(row))

        assert rows_of(rejects)[0]["pointer"] == "/price; /tags/1"

    @pytest.mark.parametrize(
        ("row", "code", "pointer"),
        [
            ("0.23,Ideal,E", "column_count", ""),
            (STONE + ",1,2", "column_count", ""),
            (STONE.replace("326", "cheap"), "not_a_number", "/price"),
            (STONE.replace("0.23", "NaN"), "not_a_number", "/carat"),
            (STONE.replace("61.5", "6_1"), "not_a_number", "/depth"),
            (STONE.replace("326", "٣٢٦"), "not_a_number", "/price"),
            (STONE.replace("Ideal", " "), "missing", "/cut"),
            (STONE.replace("SI2", "S" * 31), "too_long", "/clarity"),
            (STONE.replace('"E"', '"E'), "not_csv", ""),
            (STONE + "9" * 20_000, "too_long", "/z"),
            (STONE.encode().replace(b"Ideal", b"Id\xe9al"), "not_utf8", ""),
        ],
    )
    async def test_rejects_contain_malformed_rows(
        self,
        run: RunImport,
        catalogue: WriteCatalogue,
        names: Names,
        rejects: Path,
        row: str | bytes,
        code: str,
        pointer: str,
    ) -> None:
        summary = await run(catalogue(STONE, row, STONE))

        assert await names() == [STONE_NAME, f"{STONE_NAME}-2"]
        reject = rows_of(rejects)[0]
        assert (reject["line"], reject["code"], reject["pointer"]) == ("3", code, pointer)
        assert f"malformed             1  ({code} 1)" in summary

    async def test_rejects_contain_surplus_columns(
        self, run: RunImport, catalogue: WriteCatalogue, rejects: Path
    ) -> None:
        await run(catalogue(STONE + ",1,2"))

        assert rows_of(rejects)[0]["z"] == "2.43,1,2"

    async def test_rejects_are_written_by_one_import_at_a_time(
        self, run: RunImport, catalogue: WriteCatalogue, rejects: Path
    ) -> None:
        with open_rejects(rejects), pytest.raises(ConfigError, match="Another"):
            await run(catalogue(STONE))

    async def test_rejects_are_written_only_to_a_regular_file(
        self, run: RunImport, catalogue: WriteCatalogue, tmp_path: Path
    ) -> None:
        with pytest.raises(ConfigError, match="is no file"):
            await run(catalogue(STONE), rejects=tmp_path)
        with pytest.raises(ConfigError, match="cannot be written"):
            await run(catalogue(STONE), rejects=tmp_path / "missing" / "rejects.csv")


class TestImportFailures:
    @pytest.mark.parametrize(
        "fault",
        [
            lose_response,
            answer(429, **{"Retry-After": "0"}),
            answer(503, **{"Retry-After": "0"}),
            answer(504),
            answer(401),
        ],
    )
    async def test_temporary_failures_lose_and_duplicate_nothing(
        self,
        run: RunImport,
        catalogue: WriteCatalogue,
        names: Names,
        rejects: Path,
        service: Service,
        fault: Fault,
    ) -> None:
        service.faults = [pass_on, fault]

        summary = await run(catalogue(STONE, STONE, STONE, STONE, TOO_DEAR, STONE, STONE))

        assert await names() == [STONE_NAME, *(f"{STONE_NAME}-{n}" for n in range(2, 7))]
        assert figures(summary) | {"created": "6", "already there": "0"} == figures(summary)
        assert len(rows_of(rejects)) == 1

    async def test_endless_failures_end_the_import(
        self,
        run: RunImport,
        catalogue: WriteCatalogue,
        names: Names,
        service: Service,
        rejects: Path,
    ) -> None:
        service.faults = [answer(503)] * 9

        with pytest.raises(ConfigError, match="start the import again later"):
            await run(catalogue(STONE))
        assert not is_complete(rejects)

        service.faults = []
        await run(catalogue(STONE))
        assert len(await names()) == 1

    async def test_permanent_failures_end_the_import(
        self, run: RunImport, catalogue: WriteCatalogue, service: Service
    ) -> None:
        service.faults = [answer(500)]

        with pytest.raises(ConfigError, match="responds 500 to POST /api/v1/items/batch"):
            await run(catalogue(STONE))

    async def test_killed_import_is_resumed(
        self,
        run: RunImport,
        catalogue: WriteCatalogue,
        names: Names,
        service: Service,
        rejects: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        file, held = catalogue(*[STONE] * 1500), Held()
        service.faults = [pass_on, held]
        importer = await start_import(file, service.url, rejects)
        await held.has_arrived.wait()
        importer.kill()
        await importer.wait()
        monkeypatch.setattr(import_items, "time", SimpleNamespace(sleep=held.settle))
        monkeypatch.setattr(service_client, "PAGE_SIZE", 100)

        await run(file)

        await asyncio.to_thread(held.settle)
        assert len(await names()) == len(set(await names())) == 1500


class TestRejection:
    @pytest.mark.parametrize(
        ("content", "sentence"),
        [
            (b"", "its first line must be carat,"),
            (b"\x89PNG\r\n\x1a\n", "is no catalogue of diamonds"),
            (b"carat,cut\n0.23,Ideal\n", "is no catalogue of diamonds"),
            (b"\x1f\x8bnot gzip", "is damaged after line 0"),
            (gzip.compress(HEADER.encode() + b"\n", mtime=0)[:-9], "is damaged after line"),
            (gzip.compress(HEADER.encode(), mtime=0)[:10] + b"\xff" * 9, "is damaged after line 0"),
        ],
        ids=["empty", "picture", "other columns", "no gzip", "cut off", "damaged"],
    )
    async def test_file_of_another_format_is_rejected(
        self, run: RunImport, tmp_path: Path, content: bytes, sentence: str
    ) -> None:
        (tmp_path / "file").write_bytes(content)

        with pytest.raises(ConfigError, match=sentence):
            await run(tmp_path / "file")

    async def test_missing_file_is_rejected(self, run: RunImport, tmp_path: Path) -> None:
        with pytest.raises(ConfigError, match=r"missing\.csv cannot be read: No such file"):
            await run(tmp_path / "missing.csv")

    async def test_wrong_password_is_rejected(
        self, run: RunImport, catalogue: WriteCatalogue
    ) -> None:
        with pytest.raises(ConfigError, match="rejects the user name user or its password"):
            await run(catalogue(STONE), password="wrong")

    async def test_user_without_write_permission_is_rejected(
        self, run: RunImport, catalogue: WriteCatalogue, guest: User
    ) -> None:
        with pytest.raises(ConfigError, match="responds 403 to POST /api/v1/items/batch: "):
            await run(catalogue(STONE), username=guest.username)

    @pytest.mark.parametrize(
        ("url", "sentence"),
        [
            ("http://127.0.0.1:9", "start it with `make run`"),
            ("127.0.0.1", "missing an 'http://'"),
            ("http://[::1", "is not usable"),
        ],
    )
    async def test_unreachable_url_is_rejected(
        self, run: RunImport, catalogue: WriteCatalogue, url: str, sentence: str
    ) -> None:
        with pytest.raises(ConfigError, match=sentence):
            await run(catalogue(STONE), url=url)

    async def test_another_service_at_the_url_is_rejected(
        self, run: RunImport, catalogue: WriteCatalogue, service: Service
    ) -> None:
        service.app = Response("It works!")

        with pytest.raises(ConfigError, match="is not this service"):
            await run(catalogue(STONE))

    async def test_rate_limited_import_is_rejected(
        self, run: RunImport, catalogue: WriteCatalogue, service: Service
    ) -> None:
        service.app = Response("{}", 429, {"Retry-After": "900"})

        with pytest.raises(ConfigError, match="try again in 900 s"):
            await run(catalogue(STONE))


def figures(summary: str) -> dict[str, str]:
    """The numbers of the summary by their name."""
    lines = (line.rsplit(maxsplit=1) for line in summary.splitlines()[2:6])
    return {name.strip(): number for name, number in lines}
