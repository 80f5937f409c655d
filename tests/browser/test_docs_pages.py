"""The pages in a real browser that reaches nothing but the service."""

import shutil
import subprocess
from html import unescape

import httpx2
import pytest

from app.config.known_secrets import DEMO_PASSWORD
from tests.browser.chromium import Page

# The lines of a paragraph have a height that the boxes of code do not exceed.
CODE_HIDES_TEXT = """
[...document.querySelectorAll('.info p code')].some((code) => !(
    code.getClientRects()[0].height <= parseFloat(getComputedStyle(code.parentElement).lineHeight)))
"""
UNNAMED = """
[...document.querySelectorAll('.opblock :is(select, textarea), .copy-to-clipboard button')]
    .filter((control) => !control.ariaLabel && !control.closest('label')).length
"""
# Of no element while the page loads again.
MENU = "document.querySelector('.menu-content')?.computedStyleMap().get('background-color')"
PROFILE = "#operations-users-read_profile"
ITEM = "#operations-items-read_item"
TELEPHONE_WIDTH = 390


def test_swagger_ui_signs_in_and_sends_a_request(page: Page) -> None:
    """One load of the page, which takes the browser seconds."""
    page.look(width=TELEPHONE_WIDTH, height=844)
    page.open("/docs")
    page.wait_for("document.querySelectorAll('.opblock').length > 10")
    assert "/api/v1/items" in page.text("#operations-items-list_items")
    assert page.value("document.documentElement.scrollWidth") <= TELEPHONE_WIDTH
    assert not page.value(CODE_HIDES_TEXT)

    page.look(width=1280, height=800)
    page.click(".auth-wrapper .authorize")
    page.wait_for("document.activeElement.id === 'oauth_username'")
    box = "document.activeElement.getBoundingClientRect()"
    page.wait_for(f"{box}.top >= 0 && {box}.bottom <= innerHeight")
    assert "X-API-Key" in page.text(".modal-ux")

    page.type("#oauth_username", "user@example.com")
    page.type("#oauth_password", DEMO_PASSWORD)
    page.click(".auth-container .auth-btn-wrapper .authorize")
    page.wait_for("document.querySelector('.auth-container').innerText.includes('Logout')")
    page.click(".btn-done")
    assert execute(page, PROFILE) == "200"
    assert "user@example.com" in page.text(f"{PROFILE} .live-responses-table")

    # With the id that stands in the document.
    assert execute(page, ITEM) == "200"
    assert page.value(UNNAMED) == 0
    assert page.complaints == []


def execute(page: Page, operation: str) -> str:
    """Execute the operation untouched; return the status of the response."""
    page.click(f"{operation} .opblock-summary-control")
    page.click(f"{operation} .execute")
    return page.text(f"{operation} .live-responses-table .response .response-col_status")


def test_redoc_shows_the_reference_in_dark_and_light(page: Page) -> None:
    page.look(width=TELEPHONE_WIDTH, height=844, dark=True)
    page.open("/redoc")

    page.wait_for("document.querySelectorAll('[data-section-id]').length > 10")
    assert page.value("document.documentElement.scrollWidth") <= TELEPHONE_WIDTH
    assert page.value(f"{MENU}.toString()") == "rgb(23, 27, 30)"
    assert page.value("document.querySelectorAll('select:not([aria-label])').length") == 0

    page.look(width=1280, height=800)
    page.wait_for(f"{MENU}.toString() === 'rgb(250, 250, 250)'")
    page.wait_for("document.body?.innerText.includes('Create an item')")
    assert page.value("document.querySelector('.brand').pathname") == "/"
    assert page.complaints == []


class TestLandingPage:
    def test_shows_itself_in_light_and_dark(self, page: Page) -> None:
        page.look(width=1280, height=800, dark=False)
        page.open("/")
        light = page.value("getComputedStyle(document.body).backgroundColor")

        page.look(width=1280, height=800, dark=True)
        dark = page.value("getComputedStyle(document.body).backgroundColor")

        assert light != dark
        assert page.complaints == []

    def test_fits_a_telephone(self, page: Page) -> None:
        page.look(width=360, height=740)

        page.open("/")

        assert page.value("document.documentElement.scrollWidth") <= 360

    @pytest.mark.skipif(shutil.which("curl") is None, reason="No curl was found on the PATH.")
    def test_tour_works_when_pasted(self, service: str) -> None:
        page = httpx2.get(service, trust_env=False).text
        calls = [unescape(part.split("</code>")[0]) for part in page.split("<pre><code>")[1:]]

        done = subprocess.run(
            ["bash", "-ec", "\n".join(calls)],
            capture_output=True,
            check=True,
            text=True,
        )

        assert len(calls) == 5
        assert "Cherry stool" in done.stdout
        assert '"items":' in done.stdout
        assert '"code": "validation_failed"' in done.stdout
        assert '"status":"ok"' in done.stdout
