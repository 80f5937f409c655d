"""Load shedding inside of CORS."""

from tests.conftest import Running, new_client
from tests.features.load_shedding.test_middleware import LIMITS, Busy, fill
from tests.problems import assert_problem


async def test_rejection_can_be_read_by_scripts(running: Running) -> None:
    origin = "https://front.example"
    async with running(**LIMITS, allowed_origins=[origin]) as app:
        busy = Busy(app)
        async with new_client(app, Origin=origin) as browser:
            waiting = await fill(busy, browser)
            rejected = await browser.get("/version")
            busy.gate.set()
            await waiting

    assert_problem(rejected, 503, "overloaded")
    assert rejected.headers["Access-Control-Allow-Origin"] == origin
