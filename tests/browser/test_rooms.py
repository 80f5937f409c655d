"""The chat page in two real browsers, which reach nothing but the service."""

from collections.abc import Iterator

import pytest

from app.config.known_secrets import DEMO_PASSWORD
from tests.browser.chromium import Browser, Page, new_page


@pytest.fixture
def other_page(browser: Browser, service: str) -> Iterator[Page]:
    with new_page(browser, service) as page:
        yield page


def enter(page: Page, name: str) -> None:
    page.open("/dev/chat")
    page.value("document.querySelector('[name=username]').value = ''")
    page.type("[name=username]", name)
    page.type("[name=password]", DEMO_PASSWORD)
    page.click("#enter button")
    page.wait_for("!document.getElementById('room').hidden")


class TestChat:
    def test_two_users_exchange_messages(self, page: Page, other_page: Page) -> None:
        enter(page, "user")
        assert page.text("#title") == "lobby"
        enter(other_page, "admin")
        page.wait_for("document.querySelectorAll('#participants li').length === 2")

        other_page.type("[name=text]", "<b>Good morning!</b>")
        other_page.click("#say button")

        assert page.text(".messages .text") == "<b>Good morning!</b>"
        other_page.click("#leave")
        page.wait_for("document.querySelectorAll('#participants li').length === 1")
        assert page.complaints + other_page.complaints == []

    def test_keyboard_suffices(self, page: Page) -> None:
        page.open("/dev/chat")
        page.tab_to("[name=password]")
        page.send("Input.insertText", text=DEMO_PASSWORD)
        page.key("Enter")
        page.wait_for("document.activeElement.name === 'text'")
        empty = "getComputedStyle(document.getElementById('messages'), '::before').content"
        assert "No messages yet." in page.value(empty)

        page.send("Input.insertText", text="Good morning!")
        page.key("Enter")
        assert page.text(".messages .text") == "Good morning!"
        page.tab_to("#leave")
        page.key("Enter")

        page.wait_for("document.activeElement.name === 'password'")

    def test_fits_a_telephone(self, page: Page) -> None:
        page.look(width=360, height=740, dark=True)

        enter(page, "user")

        assert page.value("document.documentElement.scrollWidth") <= 360

    def test_wrong_password_shows_an_error(self, page: Page) -> None:
        page.open("/dev/chat")
        page.type("[name=password]", "wrong")
        page.click("#enter button")

        page.wait_for("document.getElementById('state').textContent.includes('password')")
