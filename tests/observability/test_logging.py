"""Logs: one JSON object per line, with the request id and without secrets."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import pytest

from app.config.settings import Settings
from app.observability.logging import configure_logging, get_logger
from app.observability.request_context import request_id

CANARY = "canary-7f3a9c"
Lines = Callable[[], list[dict[str, Any]]]


@contextmanager
def logging_to(log: StringIO, settings: Settings) -> Iterator[StringIO]:
    with redirect_stdout(log):
        configure_logging(settings)
    try:
        yield log
    finally:
        configure_logging(settings.model_copy(update={"environment": "test", "log_level": "error"}))


@contextmanager
def in_request(name: str) -> Iterator[None]:
    token = request_id.set(name)
    yield
    request_id.reset(token)


@pytest.fixture
def lines(settings: Settings) -> Iterator[Lines]:
    with logging_to(StringIO(), settings.model_copy(update={"log_level": "info"})) as log:
        yield lambda: [json.loads(line) for line in log.getvalue().splitlines()]


class TestLine:
    def test_is_an_object_with_time_and_level(self, lines: Lines) -> None:
        get_logger("tests").info("hello", number=1)

        [line] = lines()
        assert line.pop("timestamp").endswith("Z")
        assert line == {"event": "hello", "level": "info", "log": "tests", "number": 1}

    def test_carries_the_request_id(self, lines: Lines) -> None:
        with in_request("r-1"):
            get_logger("tests").warning("inside")

        assert lines()[0]["request_id"] == "r-1"

    def test_line_of_a_library_has_the_same_format(self, lines: Lines) -> None:
        with in_request("r-1"):
            logging.getLogger("some.library").warning("old %s", "style")

        [line] = lines()
        assert (line["event"], line["level"], line["request_id"]) == ("old style", "warning", "r-1")

    def test_event_with_a_newline_is_one_line(self, lines: Lines) -> None:
        get_logger("tests").info("two\nlines", path="/a\r\nb\x1b[31m")

        assert lines()[0]["event"] == "two\nlines"

    def test_line_below_the_level_is_left_out(self, lines: Lines) -> None:
        get_logger("tests").debug("quiet")
        logging.getLogger("some.library").debug("quiet")

        assert lines() == []

    def test_line_of_uvicorn_is_not_written_twice(self, lines: Lines) -> None:
        logging.getLogger("uvicorn.error").info("started")
        logging.getLogger("uvicorn.access").info("GET /?token=secret")

        assert [line["event"] for line in lines()] == ["started"]


class TestTraceback:
    def test_names_the_error_and_its_place(self, lines: Lines) -> None:
        log_failure()

        [exception] = lines()[0]["exception"]
        assert exception["exc_type"] == "ValueError"
        assert exception["frames"][-1]["name"] == "fail"

    def test_shows_no_local_variables_and_no_message(self, lines: Lines) -> None:
        log_failure()

        assert CANARY not in json.dumps(lines())

    def test_exception_group_shows_no_message(self, lines: Lines) -> None:
        error = ExceptionGroup(CANARY, [ValueError(CANARY), KeyError(CANARY)])

        get_logger("tests").error("failed", exc_info=error)

        text = json.dumps(lines())
        assert CANARY not in text
        assert "KeyError" in text

    def test_shows_messages_of_the_interpreter(self, lines: Lines) -> None:
        try:
            None.upper()  # type: ignore[attr-defined]
        except AttributeError:
            get_logger("tests").exception("failed")

        assert "has no attribute 'upper'" in lines()[0]["exception"][0]["exc_value"]


def log_failure() -> None:
    try:
        fail(CANARY)
    except ValueError:
        get_logger("tests").exception("failed")


def fail(password: str) -> None:
    error = ValueError(f"{password} is wrong")
    error.add_note(password)
    raise error


class TestRedaction:
    @pytest.mark.parametrize(
        "key", ["password", "new_password", "Authorization", "api_key", "set-cookie", "SECRET_KEY"]
    )
    def test_hides_fields_by_their_names(self, lines: Lines, key: str) -> None:
        get_logger("tests").info("hello", **{key: CANARY})

        assert lines()[0][key] == "[redacted]"

    @pytest.mark.parametrize(
        "text",
        [
            f"Bearer {CANARY}",
            f"eyJhbGciOiJIUzI1NiJ9.{CANARY}.{CANARY}",
            f"rk_1f2e3d4c5b6a_{CANARY}",
            f"postgresql://app:{CANARY}@db/app",
            f"https://shop.example/verify-email?token={CANARY}",
            f"/download?a=b&X-Amz-Signature={CANARY}&c=d",
            f"password={CANARY}",
        ],
    )
    def test_hides_secrets_by_their_format(self, lines: Lines, text: str) -> None:
        get_logger("tests").info("hello", text=text)
        logging.getLogger("some.library").warning("hello %s", text)

        assert len(lines()) == 2
        assert CANARY not in json.dumps(lines())

    def test_leaves_the_rest(self, lines: Lines) -> None:
        get_logger("tests").info("hello", url="https://shop.example/items?sort=name")

        assert lines()[0]["url"] == "https://shop.example/items?sort=name"


class TestDevelopment:
    def test_development_format_is_readable(self, settings: Settings) -> None:
        development = settings.model_copy(update={"environment": "development"})

        with logging_to(StringIO(), development) as log:
            get_logger("tests").error("hello")
            log_failure()

        assert "hello" in log.getvalue()
        assert "ValueError: " in log.getvalue()
