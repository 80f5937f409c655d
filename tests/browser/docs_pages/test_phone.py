"""The pages of the documentation on a telephone."""

import pytest

from tests.browser.chromium import Page

READY = {
    "/docs": "document.querySelectorAll('.opblock').length > 10",
    "/redoc": "document.querySelectorAll('[data-section-id]').length > 10",
}


@pytest.mark.parametrize("path", ["/", "/problems", "/problems/not_found", "/docs", "/redoc"])
def test_page_fits_a_telephone(page: Page, path: str) -> None:
    page.look(width=390, height=844)

    page.open(path)
    page.wait_for(READY.get(path, "true"))

    assert page.value("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []
