"""GraphiQL in a real browser that reaches nothing but the service."""

from app.config.known_secrets import DEMO_PASSWORD
from tests.browser.chromium import Page

# A function of the page, which sends its token along.
CREATE = """authorized('/api/v1/items', {
  method: 'POST',
  headers: {'Content-Type': 'application/json'},
  body: JSON.stringify({name: 'Stool', price: '49.00'}),
})"""
ANSWER = "document.querySelector('.result-window').innerText"


def sign_in(page: Page) -> None:
    page.open("/graphql")
    page.type("[name=password]", DEMO_PASSWORD)
    page.click("#enter button")
    page.wait_for("document.querySelector('.graphiql-execute-button') !== null")


def run(page: Page, name: str) -> None:
    """Run one of the operations of the example, from the menu of the button."""
    page.press(".graphiql-execute-button")
    page.press(f"[data-valuetext={name}]")


class TestGraphQL:
    def test_signs_in_runs_a_query_and_knows_the_schema(self, page: Page) -> None:
        """One load of GraphiQL, which takes the browser seconds."""
        page.look(width=1280, height=900, dark=True)
        sign_in(page)

        assert page.text("main:not([hidden]) h1") == "GraphQL"
        assert page.value("document.querySelectorAll('textarea:not([aria-label])').length") == 0
        run(page, "Read")
        page.wait_for(f"{ANSWER}.includes('username')")
        assert '"username": "user"' in page.value(ANSWER)

        # The token is where no script can read it.
        assert "eyJ" not in page.value("JSON.stringify({...localStorage, ...sessionStorage})")
        assert page.value("document.cookie.length") == 0

        page.press("[aria-label='Show Documentation Explorer']")
        page.wait_for("document.body.innerText.includes('subscription: Subscription')")
        assert page.complaints == []

    def test_follows_a_subscription(self, page: Page) -> None:
        page.look(width=1280, height=900)
        sign_in(page)

        run(page, "Follow")
        # The page does not say when the socket is open: later events are received.
        page.value(f"void setInterval(() => {CREATE}, 500)")

        page.wait_for(f"{ANSWER}.includes('CREATED')")
        assert page.complaints == []

    def test_fits_a_telephone(self, page: Page) -> None:
        page.look(width=390, height=844)
        page.open("/graphql")
        assert page.value("document.documentElement.scrollWidth") <= 390

        sign_in(page)

        assert page.value("document.documentElement.scrollWidth") <= 390
        width = "document.querySelector('.graphiql-query-editor').clientWidth"
        assert page.wait_for(width) > 250

    def test_wrong_password_shows_an_error(self, page: Page) -> None:
        page.open("/graphql")
        page.type("[name=password]", "wrong")
        page.click("#enter button")

        page.wait_for("document.getElementById('error-message').textContent.includes('password')")
