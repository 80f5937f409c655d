"""Rooms: handshake, messages, presence and close codes."""

import asyncio
import json
import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from sqlalchemy import func

from app.db.resources import DatabaseResources
from app.features.rooms import crud as room_messages
from app.features.rooms.lifespan import RoomResources
from app.features.rooms.models import RoomMessage
from app.features.rooms.rooms import Participant, Rooms
from app.features.streams.lifespan import StreamResources
from app.features.streams.models.socket import Socket
from app.features.users.models.user import User
from app.runtime.clock import now
from app.runtime.ids import uuid7
from benchmarks.harness.servers import serving
from tests.conftest import As, Database, Running, Save, access_token
from tests.features.rooms.conftest import is_quiet
from tests.forged_tokens import forged_tokens, sendable
from tests.polling import PATIENCE_SECONDS, eventually
from tests.scenes import Scene
from tests.security.test_authorization import mixed_up, target
from tests.sockets import Guest, guest, handshake
from tests.state import reads_of, replaced, resources_of, units_of_work

ROOM = "/api/v1/ws/lobby"


@pytest.fixture
async def token(app: FastAPI, user: User) -> str:
    return await access_token(app, user)


@pytest.fixture
async def other_token(app: FastAPI, other_user: User) -> str:
    return await access_token(app, other_user)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


class TestHandshake:
    async def test_anonymous_client_is_rejected(self, port: int) -> None:
        status, headers, problem = await handshake(port, ROOM)

        assert (status, problem["code"]) == (401, "unauthenticated")
        assert headers["content-type"] == "application/problem+json"
        assert headers["www-authenticate"] == "Bearer"
        assert headers["x-request-id"] == problem["request_id"]
        assert headers["ratelimit"]

    async def test_forged_tokens_are_rejected(self, app: FastAPI, port: int, admin: User) -> None:
        forged = sendable(forged_tokens(await target(app, admin)))
        forged |= await mixed_up(Scene(app, admin))

        for what, token in forged.items():
            status, headers, problem = await handshake(port, ROOM, bearer(token))
            assert (status, problem.get("code")) == (401, "invalid_token"), what
            assert headers["www-authenticate"] == 'Bearer error="invalid_token"'

        assert len(forged) >= 60

    async def test_forgery_helper_also_makes_valid_tokens(
        self, app: FastAPI, port: int, admin: User
    ) -> None:
        token = (await target(app, admin)).token()

        assert (await handshake(port, ROOM, bearer(token)))[0] == 101

    async def test_ticket_opens_one_socket(self, port: int, as_user: As, user: User) -> None:
        ticket = (await (await as_user(user)).post("/api/v1/auth/ws-ticket")).json()["ticket"]

        async with guest(port, "lobby", query=f"?ticket={ticket}") as member:
            assert (await member.receive())["users"][0]["id"] == str(user.id)
            status, _, problem = await handshake(port, f"{ROOM}?ticket={ticket}")

        assert (status, problem["code"]) == (401, "invalid_ticket")

    async def test_token_in_the_url_is_rejected(self, port: int, token: str) -> None:
        status, _, problem = await handshake(port, f"{ROOM}?access_token={token}")

        assert (status, problem["code"]) == (401, "unauthenticated")

    async def test_scope_is_required(self, app: FastAPI, port: int, user: User) -> None:
        token = await access_token(app, user, ("items:read",))

        status, _, problem = await handshake(port, ROOM, bearer(token))

        assert (status, problem["code"]) == (403, "insufficient_scope")

    @pytest.mark.parametrize(
        "origin",
        [
            "https://evil.example",
            "null",
            "https://app.example.com.evil.example",
            "https://app.example.com:8443",
            "https://test",
            "http://test:8080",
            "http://app.example.com",
            "http://test.evil.example",
            "http://test@evil.example",
            "http://test/",
            "ftp://test",
            "test",
            "",
            "http://[",
        ],
    )
    async def test_foreign_origin_is_rejected(
        self, running: Running, user: User, app: FastAPI, origin: str
    ) -> None:
        token = await access_token(app, user)
        async with (
            running(allowed_origins=["https://app.example.com"]) as strict,
            serving(strict) as port,
        ):
            headers = bearer(token) | {"Origin": origin}
            status, _, problem = await handshake(port, ROOM, headers)

        assert (status, problem.get("code")) == (403, "foreign_origin")

    @pytest.mark.parametrize(
        "origin",
        [
            "https://app.example.com",
            "https://app.example.com:443",
            "http://test",
            "http://test:80",
            "HTTP://TEST",
        ],
    )
    async def test_known_origin_is_accepted(
        self, running: Running, user: User, app: FastAPI, origin: str
    ) -> None:
        token = await access_token(app, user)
        async with (
            running(allowed_origins=["https://app.example.com"]) as strict,
            serving(strict) as port,
        ):
            headers = bearer(token) | {"Origin": origin}
            status, _, _ = await handshake(port, ROOM, headers)

        assert status == 101

    @pytest.mark.parametrize("room", ["a%20b", "x" * 65, "a%2Fb", "%00", "r%C3%A4ume", "a%0A"])
    async def test_invalid_room_name_is_rejected(self, port: int, token: str, room: str) -> None:
        status, _, problem = await handshake(port, f"/api/v1/ws/{room}", bearer(token))

        assert (status, problem["code"]) in {(422, "validation_failed"), (404, "not_found")}

    async def test_unknown_path_is_not_found(self, port: int) -> None:
        status, _, problem = await handshake(port, "/nowhere")

        assert (status, problem["code"]) == (404, "not_found")

    async def test_sixth_socket_of_a_user_is_rejected(
        self, app: FastAPI, port: int, running: Running, token: str, other_token: str
    ) -> None:
        async with AsyncExitStack() as stack:
            second = await stack.enter_async_context(running())
            ports = [port, await stack.enter_async_context(serving(second))]
            for number in range(5):
                await stack.enter_async_context(guest(ports[number % 2], f"r{number}", token))
            responses = [await handshake(each, ROOM, bearer(token)) for each in ports]
            of_others, _, _ = await handshake(port, ROOM, bearer(other_token))

        for status, headers, problem in responses:
            assert (status, problem["code"]) == (429, "too_many_sockets")
            assert headers["retry-after"] == "10"
        assert of_others == 101

    async def test_five_of_many_concurrent_sockets_are_accepted(
        self, app: FastAPI, port: int, token: str
    ) -> None:
        async with AsyncExitStack() as stack:
            attempts = [stack.enter_async_context(guest(port, "lobby", token)) for _ in range(12)]
            outcomes = await asyncio.gather(*attempts, return_exceptions=True)

        assert sum(isinstance(each, Guest) for each in outcomes) == 5


class TestMessages:
    async def test_messages_reach_all_participants_in_one_order(
        self, app: FastAPI, port: int, running: Running, token: str, other_token: str
    ) -> None:
        async with (
            running() as second,
            serving(second) as other_port,
            guest(port, "lobby", token) as ada,
            guest(other_port, "lobby", other_token) as bob,
        ):
            texts = [f"{number}" for number in range(20)]
            await asyncio.gather(
                *(
                    speaker.say(f"{speaker is ada} {text}")
                    for text in texts
                    for speaker in (ada, bob)
                )
            )
            received = await asyncio.gather(ada.texts(40), bob.texts(40))

        assert received[0] == received[1]
        for speaker in (True, False):
            assert [each for each in received[0] if each.startswith(str(speaker))] == [
                f"{speaker} {text}" for text in texts
            ]

    async def test_message_has_author_room_and_time(
        self, port: int, token: str, user: User
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.say("Gr\u00fc\u00df Gott \U0001f600")
            envelope = await ada.receive("message")

        assert envelope.keys() == {"type", "id", "room", "user", "at", "text"}
        assert envelope["user"] == {"id": str(user.id), "username": user.username}
        assert (envelope["room"], envelope["text"]) == ("lobby", "Gr\u00fc\u00df Gott \U0001f600")
        assert envelope["at"].endswith("Z")

    async def test_message_longer_than_a_notification_arrives(
        self, port: int, running: Running, token: str, other_token: str
    ) -> None:
        text = "\u00fc" * 30_000
        async with (
            running() as second,
            serving(second) as other_port,
            guest(port, "lobby", token) as ada,
            guest(other_port, "lobby", other_token) as bob,
        ):
            await ada.say(text)

            assert await bob.texts(1) == [text]

    async def test_messages_stay_in_their_room(
        self, port: int, token: str, other_token: str
    ) -> None:
        async with (
            guest(port, "lobby", token) as ada,
            guest(port, "kitchen", other_token) as bob,
        ):
            await ada.say("secret")
            await ada.texts(1)
            await bob.say("mine")

            assert await bob.texts(1) == ["mine"]

    async def test_earlier_messages_are_not_repeated(
        self, port: int, token: str, other_token: str
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.say("before")
            await ada.texts(1)
            async with guest(port, "lobby", other_token) as bob:
                await ada.say("after")

                assert await bob.texts(1) == ["after"]

    async def test_lost_notification_is_recovered_by_polling(
        self, app: FastAPI, port: int, running: Running, token: str, other_token: str
    ) -> None:
        async with (
            running() as second,
            serving(second) as other_port,
            guest(port, "lobby", token) as ada,
            guest(other_port, "lobby", other_token) as bob,
        ):
            resources_of(second)[DatabaseResources].notifications.receivers["rooms"] = []
            await ada.say("unheard")

            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await bob.texts(1) == ["unheard"]

    @pytest.mark.parametrize(
        "frame",
        [
            "",
            "hello",
            "[]",
            "{}",
            '{"type": "join", "text": "x"}',
            '{"type": "message"}',
            '{"type": "message", "text": ""}',
            '{"type": "message", "text": 7}',
            '{"type": "message", "text": null}',
            '{"type": "message", "text": "a\\u0000b"}',
            '{"type": "message", "text": "\\ud800"}',
            '{"type": "message", "text": "x", "admin": true}',
            '{"type": "message", "text": NaN}',
            "[" * 60_000,
            '{"type": "message", "text": "' + "x" * 60_001 + '"}',
        ],
        ids=lambda frame: frame[:40],
    )
    async def test_invalid_frame_is_an_error_and_keeps_the_connection(
        self, port: int, token: str, frame: str
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.send(frame)
            error = await ada.receive("error")
            await ada.say("still here")

            assert await ada.texts(1) == ["still here"]

        assert error["code"] == "validation_failed"
        assert error["errors"]
        assert len(json.dumps(error)) < 2000

    async def test_guest_receives_and_cannot_send(
        self, app: FastAPI, port: int, guest_user: User, token: str
    ) -> None:
        quiet = await access_token(app, guest_user)
        async with guest(port, "lobby", token) as ada, guest(port, "lobby", quiet) as eve:
            await eve.say("me, too")
            error = await eve.receive("error")
            await ada.say("welcome")

            assert await eve.texts(1) == ["welcome"]

        assert error["code"] == "insufficient_scope"

    async def test_too_many_messages_are_rejected_and_then_close_the_socket(
        self, running: Running, app: FastAPI, user: User
    ) -> None:
        token = await access_token(app, user)
        async with (
            running(room_messages_limit="3/hour") as strict,
            serving(strict) as port,
            guest(port, "lobby", token) as ada,
        ):
            for number in range(4):
                await ada.say(f"{number}")
            received = [await ada.receive() for _ in range(5)]
            for _ in range(110):
                await ada.send("{}")

            assert await ada.end() == (4429, "too many messages")

        assert [each.get("code") for each in received if each["type"] == "error"] == [
            "rate_limited"
        ]
        assert sum(each["type"] == "message" for each in received) == 3


@pytest.fixture
def guest_user(guest: User) -> User:
    return guest


class TestPresence:
    async def test_presence_is_sent_first_and_updated(
        self, port: int, token: str, other_token: str, user: User, other_user: User
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            alone = await ada.receive()
            async with guest(port, "lobby", other_token) as bob:
                both = await bob.receive()
                joined = await ada.receive("join")
            left = await ada.receive("leave")

        ids = {str(user.id), str(other_user.id)}
        assert [each["id"] for each in alone["users"]] == [str(user.id)]
        assert ({each["id"] for each in both["users"]}, both["count"]) == (ids, 2)
        assert joined["user"] == left["user"]
        assert joined["user"]["id"] == str(other_user.id)

    async def test_second_socket_of_a_user_is_no_second_participant(
        self, port: int, token: str, other_token: str
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            async with guest(port, "lobby", other_token):
                async with guest(port, "lobby", other_token) as again:
                    assert (await again.receive())["count"] == 2
                await ada.say("still two")
                kinds = [(await ada.receive())["type"] for _ in range(3)]
            last = await ada.receive()

        assert kinds == ["presence", "join", "message"]
        assert last["type"] == "leave"

    async def test_presence_of_a_killed_process_ends_with_its_leases(
        self,
        app: FastAPI,
        port: int,
        token: str,
        other_user: User,
        save: Save,
        database: Database,
    ) -> None:
        gone = Socket(
            user_id=other_user.id,
            topic="lobby",
            worker_id=uuid7(),
            lease_ends_at=now() + timedelta(hours=1),
        )
        await save(gone)
        async with guest(port, "lobby", token) as ada:
            assert (await ada.receive())["count"] == 2

            over = "UPDATE sockets SET lease_ends_at = now() - interval '1 second' WHERE id = :id"
            await database(over, id=gone.id)
            left = await ada.receive("leave")

        assert left["user"]["id"] == str(other_user.id)

    async def test_presence_is_restored_after_its_lease_was_deleted(
        self, app: FastAPI, port: int, token: str, database: Database, user: User
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.receive()
            await database("DELETE FROM sockets")
            await resources_of(app)[StreamResources].leases.work()

            assert (await ada.receive("join"))["user"]["id"] == str(user.id)
            assert len(await database("SELECT id FROM sockets")) == 1

    async def test_lease_without_a_socket_is_released(
        self, app: FastAPI, port: int, token: str, other_user: User, save: Save
    ) -> None:
        async with guest(port, "lobby", token) as ada:
            await save(
                Socket(
                    user_id=other_user.id,
                    topic="lobby",
                    worker_id=resources_of(app)[StreamResources].leases.worker_id,
                    lease_ends_at=func.now() + timedelta(hours=1),
                )
            )
            await resources_of(app)[StreamResources].leases.work()

            assert (await ada.receive("leave"))["user"]["id"] == str(other_user.id)


class TestEnd:
    async def test_logout_ends_open_sockets(self, port: int, as_user: As, user: User) -> None:
        client = await as_user(user)
        token = client.headers["Authorization"].removeprefix("Bearer ")
        async with guest(port, "lobby", token) as ada:
            await client.post("/api/v1/auth/logout")

            async with asyncio.timeout(PATIENCE_SECONDS):
                assert await ada.end() == (4401, "revoked")

    async def test_frame_above_64_kib_is_too_big(self, port: int, token: str) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.send("x" * (64 * 1024 + 1))

            assert (await ada.end())[0] == 1009

    async def test_binary_frame_is_not_understood(self, port: int, token: str) -> None:
        async with guest(port, "lobby", token) as ada:
            await ada.send(b"hello")

            assert await ada.end() == (1003, "send text frames")

    async def test_shutdown_has_its_close_code(self, app: FastAPI, token: str) -> None:
        async with AsyncExitStack() as stack:
            async with serving(app) as port:
                ada = await stack.enter_async_context(guest(port, "lobby", token))

            assert (await ada.end())[0] == 1012

        await eventually(lambda: is_quiet(app))

    async def test_leaves_no_rows_behind(
        self, app: FastAPI, port: int, token: str, database: Database
    ) -> None:
        async with guest(port, "lobby", token):
            pass

        await eventually(lambda: is_quiet(app))
        assert await database("SELECT id FROM sockets") == []

    async def test_internal_error_is_1011(self, app: FastAPI, port: int, token: str) -> None:
        rooms = FailingRooms(
            reads_of(app),
            resources_of(app)[StreamResources].leases,
        )
        with replaced(app, RoomResources, rooms=rooms):
            async with guest(port, "lobby", token) as ada:
                await ada.say("x")

                assert (await ada.end())[0] == 1011


class FailingRooms(Rooms):
    """Rooms with an internal error."""

    async def publish(self, participant: Participant, text: str) -> None:
        raise ZeroDivisionError(f"{text} for {participant.room}")


class TestSlowReader:
    async def test_slow_reader_is_removed_and_others_do_not_wait(
        self,
        app: FastAPI,
        port: int,
        token: str,
        other_token: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(
            resources_of(app)[RoomResources].rooms, "max_waiting_characters", 200_000
        )
        async with (
            guest(port, "lobby", token) as ada,
            guest(port, "lobby", other_token, sock=narrow(port), max_queue=1) as slow,
        ):
            await ada.receive("join")
            await speak_until_a_user_leaves(ada)

            assert await slow.end() == (4408, "too slow")


async def speak_until_a_user_leaves(speaker: Guest) -> None:
    """The buffers of the system take megabytes before a message has to wait."""
    for number in range(400):
        await speaker.say(f"{number}{'x' * 60_000}"[:60_000])
        while (envelope := await speaker.receive())["type"] != "message":
            if envelope["type"] == "leave":
                return
        assert envelope["text"].startswith(f"{number}x")
    raise AssertionError("All clients keep up.")


def narrow(port: int) -> socket.socket:
    """A connection whose receiver takes little at once."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.setblocking(False)
    return made


def ends_held(port: int) -> int:
    """How many connections to the port its server holds open."""
    lines = Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]
    sockets = (line.split() for line in lines)
    return sum(each[1].endswith(f":{port:04X}") and each[3] == "01" for each in sockets)


def count_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def count_tasks() -> int:
    return len(asyncio.all_tasks())


async def is_at_most(count: Callable[[], int], limit: int) -> bool:
    return count() <= limit


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="Descriptors are counted in /proc.")
class TestLeaks:
    async def test_hundred_connections_leave_nothing_behind(
        self, app: FastAPI, port: int, token: str
    ) -> None:
        for _ in range(5):
            assert (await handshake(port, ROOM, bearer(token)))[0] == 101
        await eventually(lambda: is_quiet(app))
        descriptors, tasks = count_descriptors(), count_tasks()

        for number in range(100):
            async with guest(port, "lobby", token) as ada:
                await ada.receive()
                if number % 2:
                    ada.connection.transport.abort()

        await eventually(lambda: is_quiet(app))
        await eventually(lambda: is_at_most(count_tasks, tasks))
        # The loops of the service may open their two connections to the database meanwhile.
        await eventually(lambda: is_at_most(count_descriptors, descriptors + 2))


class TestStorage:
    async def test_old_messages_are_deleted(self, app: FastAPI, save: Save) -> None:
        for minutes in (0, 11):
            row = RoomMessage(room="lobby", envelope="{}")
            row.created_at = now() - timedelta(minutes=minutes)
            await save(row)

        async with units_of_work(app).begin() as uow:
            await room_messages.delete_old(uow)

        assert len(await room_messages.find_after(reads_of(app), {"lobby": 0})) == 1
