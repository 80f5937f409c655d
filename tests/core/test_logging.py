"""Logs: one JSON object a line, with the request id, without what is nobody's business."""

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from typing import Any

import pytest
import structlog

from app.core.config import Settings
from app.core.logging import configure_logging, get_logger

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
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            get_logger("tests").warning("inside")

        assert lines()[0]["request_id"] == "r-1"

    def test_of_a_library_looks_the_same(self, lines: Lines) -> None:
        with structlog.contextvars.bound_contextvars(request_id="r-1"):
            logging.getLogger("some.library").warning("old %s", "style")

        [line] = lines()
        assert (line["event"], line["level"], line["request_id"]) == ("old style", "warning", "r-1")

    def test_stays_one_line(self, lines: Lines) -> None:
        get_logger("tests").info("two\nlines", path="/a\r\nb\x1b[31m")

        assert lines()[0]["event"] == "two\nlines"

    def test_below_the_level_is_left_out(self, lines: Lines) -> None:
        get_logger("tests").debug("quiet")
        logging.getLogger("some.library").debug("quiet")

        assert lines() == []

    def test_of_uvicorn_is_not_written_twice(self, lines: Lines) -> None:
        logging.getLogger("uvicorn.error").info("started")
        logging.getLogger("uvicorn.access").info("GET /?token=secret")

        assert [line["event"] for line in lines()] == ["started"]


class TestTraceback:
    def test_names_the_error_and_its_place(self, lines: Lines) -> None:
        log_failure()

        [exception] = lines()[0]["exception"]
        assert (exception["exc_type"], exception["exc_value"]) == ("ValueError", "broken")
        assert exception["frames"][-1]["name"] == "fail"

    def test_shows_no_local_variables(self, lines: Lines) -> None:
        log_failure()

        assert CANARY not in json.dumps(lines())


def log_failure() -> None:
    try:
        fail(CANARY)
    except ValueError:
        get_logger("tests").exception("failed")


def fail(password: str) -> None:
    raise ValueError("broken")


class TestDevelopment:
    def test_is_written_for_people(self, settings: Settings) -> None:
        development = settings.model_copy(update={"environment": "development"})

        with logging_to(StringIO(), development) as log:
            get_logger("tests").error("hello")
            log_failure()

        assert "hello" in log.getvalue()
        assert "ValueError: broken" in log.getvalue()
        assert CANARY not in log.getvalue()
