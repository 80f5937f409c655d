"""The dashboard in a real browser: sign-in, charts and live updates."""

import asyncio
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest

from app.config.known_secrets import DEMO_PASSWORD
from tests.browser.chromium import Page
from tests.conftest import execute, with_database
from tests.e2e.service import plain_client
from tests.factories import item_body
from tests.polling import wait_until

IMAGES = Path(__file__).parents[2] / "docs" / "images"
ITEMS = "document.querySelector('#totals .total b').textContent"
TASKS = (
    "[...document.querySelectorAll('#task-rows td:first-child')].map((cell) => cell.title).join()"
)
# Of which the queue knows nothing, so that they stay as they are.
WAIT = "INSERT INTO tasks (id, kind, payload, request_id) VALUES (uuidv7(), 'waiting', '{}', 'x')"
FAIL = """
INSERT INTO tasks (id, kind, payload, request_id, status)
VALUES (uuidv7(), 'vanishing', '{}', 'x', 'failed')
"""

Query = Callable[[str], None]

# A month of items, as an importer would create them, with the tasks of some of them.
FILL = """
INSERT INTO items (id, name, price, tags, owner_id, created_at)
SELECT uuidv7(), 'Item ' || n, (3 + 20 * (n % 29) ^ 1.8)::numeric(7, 2),
    ARRAY[(ARRAY['wood', 'brass', 'linen', 'wool', 'glass', 'steel', 'oak'])[1 + (n * n) % 7]],
    users.id, now() - interval '1 day' * (29 * (1 - sqrt((n % 97) / 97.0)))
FROM generate_series(1, 2000) AS n, users WHERE username = 'admin';
INSERT INTO tasks (id, kind, payload, request_id, status, finished_at)
SELECT uuidv7(), 'process_item', '{}', 'fill',
    CASE n % 9 WHEN 0 THEN 'failed' WHEN 1 THEN 'cancelled' ELSE 'succeeded' END, now()
FROM generate_series(1, 180) AS n;
DELETE FROM dashboards
"""


@pytest.fixture(scope="package")
def query(service: str, server_url: str, worker_id: str) -> Query:
    """Runs a statement in the database of the service."""
    url = with_database(server_url, f"browser_{worker_id}")
    return lambda statement: asyncio.run(execute(url, statement))


@pytest.fixture(scope="package")
def month(query: Query) -> None:
    """The service with tasks and items."""
    query(FILL)


def sign_in(page: Page, name: str, password: str = DEMO_PASSWORD) -> None:
    page.open("/dashboard")
    page.type("[name=username]", name)
    page.type("[name=password]", password)
    page.click("#sign-in .button")


def keep(page: Page, name: str) -> None:
    """Write the picture for the README, when `make pictures` asks for it."""
    if os.environ.get("KEEP_PICTURES"):
        page.wait_for("document.querySelector('#live').textContent === 'live'")
        page.send("Emulation.setScrollbarsHidden", hidden=True)
        (IMAGES / name).write_bytes(page.picture())


@contextmanager
def signed_in(service: str, name: str) -> Iterator[httpx2.Client]:
    with plain_client(base_url=f"{service}/api/v1") as client:
        form = {"username": name, "password": DEMO_PASSWORD}
        token = client.post("/auth/token", data=form).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def create_item(service: str, name: str, **fields: object) -> None:
    with signed_in(service, name) as client:
        assert client.post("/items", json=item_body(**fields)).status_code == 201


def count_tasks(service: str, status: str) -> int:
    with signed_in(service, "admin") as client:
        listed = client.get("/tasks", params={"status": status, "include_total": "true"})
        return int(listed.json()["total"])


def choose(page: Page, status: str) -> None:
    """Show the tasks of that state."""
    page.wait_for("document.querySelectorAll('#task-rows tr').length > 0")
    page.value(f"document.querySelector('#task-status').value = '{status}'")
    page.value("document.querySelector('#task-status').dispatchEvent(new Event('change'))")
    page.wait_for(
        "[...document.querySelectorAll('#task-rows tr')]"
        f".every((row) => row.dataset.status === '{status}')"
    )


class TestDashboard:
    @pytest.mark.parametrize("dark", [False, True])
    def test_administrator_sees_every_chart(self, page: Page, month: None, dark: bool) -> None:
        page.look(width=1280, height=1500, dark=dark)

        sign_in(page, "admin")

        page.wait_for("document.querySelectorAll('figure svg .mark').length > 40")
        assert page.value("document.querySelectorAll('figure svg').length") == 5
        page.wait_for("document.querySelector('#live').textContent === 'live'")
        assert page.complaints == []
        keep(page, f"dashboard-{'dark' if dark else 'light'}.png")

    def test_user_sees_live_figures_of_own_tasks(self, page: Page, service: str) -> None:
        sign_in(page, "user")
        page.wait_for("document.querySelector('#live').textContent === 'live'")
        before = int(page.value(ITEMS))

        create_item(service, "user", tags=["long-" * 6])

        page.wait_for(f"{ITEMS} === '{before + 1}'")
        # The name of a tag ends before its bar.
        assert "long-long-lon…" in page.text("#tags")
        assert page.value("document.querySelector('#requests-card').hidden")

    @pytest.mark.parametrize(
        ("name", "password", "message"),
        [("user", "wrong", "wrong"), ("guest", DEMO_PASSWORD, "users and administrators")],
    )
    def test_shows_the_reason_of_a_rejection(
        self, page: Page, name: str, password: str, message: str
    ) -> None:
        sign_in(page, name, password)

        page.wait_for("!document.querySelector('#error-message').hidden")
        assert message in page.text("#error-message")
        assert page.value("document.querySelector('#board').hidden")

    def test_retries_a_failed_task(self, page: Page, service: str, month: None) -> None:
        before = count_tasks(service, "failed")
        sign_in(page, "admin")
        choose(page, "failed")

        page.click(".retry")

        wait_until(lambda: count_tasks(service, "failed") == before - 1)
        assert page.complaints == []

    def test_keyboard_suffices_and_an_update_keeps_its_place(
        self, page: Page, service: str, month: None
    ) -> None:
        page.open("/dashboard")
        page.tab_to("[name=username]")
        page.send("Input.insertText", text="admin")
        page.tab_to("[name=password]")
        page.send("Input.insertText", text=DEMO_PASSWORD)
        page.key("Enter")
        page.wait_for("document.activeElement.id === 'title'")
        choose(page, "failed")
        page.wait_for("document.querySelector('#live').textContent === 'live'")

        page.tab_to(".retry")
        page.value("void (window.before = document.activeElement)")
        create_item(service, "admin")
        page.wait_for("!before.isConnected && document.activeElement.matches('.retry')")

        task = "document.activeElement.closest('tr').dataset.id === before.closest('tr').dataset.id"
        assert page.value(task)

    def test_cancels_a_waiting_task(self, page: Page, service: str, query: Query) -> None:
        query(WAIT)
        before = count_tasks(service, "cancelled")
        sign_in(page, "admin")
        choose(page, "queued")
        shown = page.value("document.querySelectorAll('#task-rows tr').length")

        page.click(".cancel")

        wait_until(lambda: count_tasks(service, "cancelled") == before + 1)
        page.wait_for(f"document.querySelectorAll('#task-rows tr').length === {shown - 1}")
        assert page.complaints == []

    def test_pages_through_tasks(self, page: Page, month: None) -> None:
        sign_in(page, "admin")
        choose(page, "succeeded")
        newest = json.dumps(page.value(TASKS))

        page.click("#older")
        page.wait_for(f"{TASKS} !== {newest}")
        page.click("#newer")

        page.wait_for(f"{TASKS} === {newest}")
        assert page.value("document.querySelectorAll('#task-rows tr').length") == 10

    def test_shows_why_a_task_cannot_be_retried(self, page: Page, query: Query) -> None:
        query(FAIL)
        sign_in(page, "admin")
        choose(page, "failed")
        query("DELETE FROM tasks WHERE kind = 'vanishing'")

        page.click("[aria-label^='Retry vanishing']")

        assert "no such task" in page.text("#task-error")

    def test_stores_no_token_that_scripts_can_read(self, page: Page) -> None:
        sign_in(page, "user")
        page.wait_for("!document.querySelector('#board').hidden")

        kept = "localStorage.length + sessionStorage.length + document.cookie.length"
        assert page.value(kept) == 0

    def test_signs_out(self, page: Page) -> None:
        sign_in(page, "user")
        page.wait_for("!document.querySelector('#board').hidden")

        page.click("#leave")

        page.wait_for("!document.querySelector('#sign-in').hidden")

    def test_fits_a_telephone(self, page: Page, month: None) -> None:
        page.look(width=360, height=740)

        sign_in(page, "admin")
        page.wait_for("document.querySelectorAll('figure svg').length >= 4")
        page.wait_for("document.querySelector('#live').textContent === 'live'")

        assert page.value("document.documentElement.scrollWidth") <= 360
        keep(page, "dashboard-phone.png")
