"""The stream of events as a browser reads it: a real EventSource."""

import json

from app.config.known_secrets import DEMO_PASSWORD
from tests.browser.chromium import Page

# Signed in once; `listen` opens a stream with a new ticket, as each stream needs.
SCRIPT = f"""
window.received = [];
window.api = (path, options = {{}}) => fetch('/api/v1' + path, {{
  ...options, headers: {{...options.headers, Authorization: 'Bearer ' + window.token}},
}}).then((answer) => answer.json());
window.create = (name) => api('/items', {{
  method: 'POST',
  headers: {{'Content-Type': 'application/json'}},
  body: JSON.stringify({{name, price: '1.00'}}),
}});
window.listen = async (after) => {{
  const {{ticket}} = await api('/auth/ws-ticket', {{method: 'POST'}});
  const query = new URLSearchParams(after ? {{ticket, last_event_id: after}} : {{ticket}});
  window.source = new EventSource('/api/v1/events?' + query);
  source.addEventListener('item.created', (event) => {{
    received.push(JSON.parse(event.data).data.name);
    window.last = event.lastEventId;
  }});
}};
fetch('/api/v1/auth/token', {{
  method: 'POST',
  body: new URLSearchParams({{username: 'user', password: {json.dumps(DEMO_PASSWORD)}}}),
}}).then((answer) => answer.json()).then((answer) => {{ window.token = answer.access_token; }});
"""


def sign_in(page: Page) -> None:
    # A small page with an icon, which the browser would miss, but its policy forbids connections.
    page.send("Page.setBypassCSP", enabled=True)
    page.open("/verify-email")
    page.value(SCRIPT)
    page.wait_for("window.token")


class TestEventSource:
    def test_receives_events(self, page: Page) -> None:
        sign_in(page)
        page.value("void listen()")
        page.wait_for("window.source && source.readyState === EventSource.OPEN")
        page.value("void create('Received in a browser')")

        page.wait_for("received.includes('Received in a browser')")
        assert page.complaints == []

    def test_misses_no_event_after_a_reconnection(self, page: Page) -> None:
        sign_in(page)
        page.value("void listen()")
        page.wait_for("window.source && source.readyState === EventSource.OPEN")
        page.value("void create('First')")
        page.wait_for("window.last")
        page.value("source.close()")
        page.value("void create('Second').then(() => listen(last))")

        page.wait_for("received.length >= 2")
        assert page.value("received") == ["First", "Second"]
        assert page.complaints == []
