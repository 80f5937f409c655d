"""Exports over the protocol of the server, which disconnects a client that does not read."""

from app.features.http_server.http_protocol import HttpProtocol
from app.features.users.models.user import User
from benchmarks.harness.servers import serving
from tests.conftest import Running, access_token
from tests.features.items.test_export_limit import has_slots_in_use, unread_export
from tests.polling import eventually


class Impatient(HttpProtocol):
    stall_seconds = 0.3


async def test_stalled_reader_is_disconnected(
    running: Running, many_items: None, user: User
) -> None:
    async with (
        running() as app,
        serving(app, http=Impatient) as port,
        unread_export(port, await access_token(app, user)),
    ):
        await eventually(lambda: has_slots_in_use(app, 1))
        await eventually(lambda: has_slots_in_use(app, 0))
