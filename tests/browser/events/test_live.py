"""The documented EventSource, while the service restarts."""

import asyncio

from tests.browser.chromium import Browser, new_page
from tests.browser.conftest import DevelopmentService
from tests.browser.streams.scripts import disable_user, open_with_scripts
from tests.conftest import execute

FOLLOW = """
window.names = [];
window.starts = 0;
window.ended = "";
follow(
  ["item.created"],
  (event) => names.push(event.data.name),
  () => { starts += 1; },
  (reason) => { ended = reason; },
);
"""
CREATE = """
INSERT INTO items (id, name, price, owner_id)
SELECT uuidv7(), '{}', 1, users.id FROM users WHERE username = 'user'
"""


def create(service: DevelopmentService, name: str) -> None:
    """Create an item in the database itself, also while the service is stopped."""
    asyncio.run(execute(service.database_url, CREATE.format(name)))


def test_resumes_without_gap_or_duplicate_and_ends_with_the_account(
    browser: Browser, stopped_service: DevelopmentService
) -> None:
    service = stopped_service
    with new_page(browser, service.address) as page:
        with service.running():
            open_with_scripts(page)
            page.value(FOLLOW)
            page.wait_for("starts === 1")
            create(service, "Before the restart")
            page.wait_for("names.length === 1")
        create(service, "Meanwhile")
        with service.running():
            page.wait_for("names.length === 2")
            create(service, "After it")
            page.wait_for("names.length > 2")
            assert page.value("ended") == ""
            # No attempt would succeed.
            disable_user(service.address)
            page.wait_for("ended !== ''")

        assert page.value("names") == ["Before the restart", "Meanwhile", "After it"]
        assert page.value("starts") == 1
