"""Pages of accounts, mails and errors in a real browser."""

import json
import uuid

import httpx2
import pytest

from tests.browser.chromium import Page
from tests.polling import wait_until

AUTH = "/api/v1/auth"
PASSWORD = "a sound passphrase of four words"
CONFIRM, RESET = "Confirm your e-mail address", "Reset your password"
FITS = "document.documentElement.scrollWidth <= 390"


@pytest.fixture
def email(service: str) -> str:
    """The address of a new account, to which a link is mailed."""
    name = uuid.uuid4().hex[:12]
    account = {"email": f"{name}@example.com", "username": name, "password": PASSWORD}
    response = httpx2.post(f"{service}{AUTH}/register", json=account, trust_env=False)
    assert response.status_code == 201, response.text
    return account["email"]


def follow_link(page: Page, email: str, subject: str) -> None:
    """Open the mail in the list of the mails, and its link."""

    def is_there() -> bool:
        text = httpx2.get(f"{page.address}/dev/mails", trust_env=False).text
        return any(email in row and subject in row for row in text.split("<tr>"))

    wait_until(is_there, pause_seconds=0.2)
    page.open("/dev/mails")
    texts = json.dumps([email, subject])
    page.value(
        "[...document.querySelectorAll('tbody tr')]"
        f".find((row) => {texts}.every((text) => row.innerText.includes(text)))"
        ".querySelector('a').click()"
    )
    page.click("pre a")
    page.wait_for("location.search.startsWith('?token=') && document.readyState === 'complete'")


class TestVerifyEmail:
    def test_link_works_once_and_then_offers_a_new_one(self, page: Page, email: str) -> None:
        page.look(width=390, height=844)
        follow_link(page, email, CONFIRM)
        link = page.value("location.pathname + location.search")
        assert page.value(FITS)

        page.click(".button")
        page.wait_for("document.querySelector('h1')?.innerText === 'All is well'")
        page.open(link)

        assert page.text(".error-message") == "Invalid link."
        assert page.text(".button") == "Send a new link"
        assert page.value(FITS)


class TestResetPassword:
    def test_weak_password_is_followed_by_a_better_one(self, page: Page, email: str) -> None:
        page.look(width=390, height=844, dark=True)
        address = {"email": email}
        httpx2.post(f"{page.address}{AUTH}/forgot-password", json=address, trust_env=False)
        follow_link(page, email, RESET)

        page.type("[name=new_password]", "password1234")
        page.click(".button")
        assert "harder to guess" in page.text(".error-message")
        assert page.value(FITS)
        page.type("[name=new_password]", "another sound passphrase")
        page.click(".button")

        page.wait_for("document.querySelector('h1')?.innerText === 'All is well'")


@pytest.mark.parametrize("path", ["/nothing", "/api/v1/items", "/dev/mails"])
def test_page_fits_a_telephone(page: Page, path: str) -> None:
    page.look(width=390, height=844)

    page.open(path)

    assert page.text("h1") in {"Not found", "Not signed in", "Mails"}
    assert page.value(FITS)


def test_long_word_fits_a_telephone(page: Page) -> None:
    """Such as the subject of a mail."""
    page.look(width=390, height=844)
    page.open("/nothing")

    page.value("document.querySelector('h1').textContent = 'S'.repeat(200)")

    assert page.value(FITS)
