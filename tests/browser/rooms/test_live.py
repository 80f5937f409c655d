"""The documented WebSocket and the page of the rooms, while the service restarts."""

from tests.browser.chromium import Browser, new_page
from tests.browser.conftest import DevelopmentService
from tests.browser.streams.scripts import disable_user, open_with_scripts
from tests.browser.test_rooms import enter

ENTER = """
window.texts = [];
window.greetings = 0;
window.lobby = enterRoom("lobby", (envelope) => {
  if (envelope.type === "presence") greetings += 1;
  if (envelope.type === "message") texts.push(envelope.text);
}, (reason) => { window.ended = reason; });
"""


def test_clients_return_to_their_room_after_a_restart_and_end_with_the_account(
    browser: Browser, stopped_service: DevelopmentService
) -> None:
    service = stopped_service
    with new_page(browser, service.address) as page, new_page(browser, service.address) as chat:
        with service.running():
            open_with_scripts(page)
            page.value(ENTER)
            page.wait_for("greetings === 1")
            enter(chat, "admin")
            page.value("lobby.send('Before')")
            assert chat.text(".messages .text") == "Before"
        chat.wait_for("document.getElementById('state').textContent === 'connecting again'")
        assert page.value("lobby.send('Lost')") is False
        with service.running():
            page.wait_for("greetings === 2")
            chat.wait_for("document.getElementById('state').textContent === 'connected'")
            chat.type("[name=text]", "After")
            chat.click("#say button")

            page.wait_for("texts.length === 2")
            assert page.value("texts") == ["Before", "After"]
            chat.click("#leave")
            chat.wait_for("document.getElementById('room').hidden")
            # No attempt would succeed.
            disable_user(service.address)
            page.wait_for("window.ended")
