"""The light pages of the documentation on a telephone; `test_docs_pages.py` has the heavy ones."""

import pytest

from tests.browser.chromium import Page


@pytest.mark.parametrize("path", ["/", "/problems", "/problems/not_found"])
def test_page_fits_a_telephone(page: Page, path: str) -> None:
    page.look(width=390, height=844)

    page.open(path)

    assert page.value("document.documentElement.scrollWidth") <= 390
    assert page.complaints == []
