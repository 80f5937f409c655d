"""The GraphQL page in a real browser that reaches nothing but the service."""

from app.core.config import DEMO_PASSWORD
from tests.browser.chromium import Page


class TestGraphQL:
    def test_signs_in_and_runs_a_query(self, page: Page) -> None:
        page.look(width=390, height=844, dark=True)
        page.open("/graphql")
        page.type("[name=password]", DEMO_PASSWORD)
        page.click("#enter button")
        page.wait_for("document.getElementById('state').textContent === 'user'")

        page.click("#ask .button")

        page.wait_for("document.getElementById('answer').textContent.includes('hasNextPage')")
        assert page.value("document.documentElement.scrollWidth") <= 390
        assert page.complaints == []
