"""Log writer: complete lines in order, without waiting for the reader."""

import json
import threading
from collections.abc import Iterator
from io import StringIO

import pytest

from app.features.log_writer.log_writer import LogWriter

PATIENCE_SECONDS = 20


class Gate(StringIO):
    """A reader that has stopped reading, until it continues."""

    def __init__(self) -> None:
        super().__init__()
        self.is_open = threading.Event()
        self.is_met = threading.Event()

    def write(self, text: str) -> int:
        self.is_met.set()
        assert self.is_open.wait(PATIENCE_SECONDS)
        return super().write(text)


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.is_open.set()


class TestBeforeItStarts:
    def test_writes_at_once(self) -> None:
        stream = StringIO()

        LogWriter(stream).write("a\n")

        assert stream.getvalue() == "a\n"


class TestStarted:
    def test_closing_flushes_all_lines(self) -> None:
        stream = StringIO()
        writer = LogWriter(stream)
        writer.start()

        lines = [f"{number}\n" for number in range(5000)]
        for line in lines:
            writer.write(line)
        writer.close()
        writer.write("after\n")

        assert stream.getvalue() == "".join([*lines, "after\n"])

    def test_lines_of_several_threads_stay_whole(self) -> None:
        stream = StringIO()
        writer = LogWriter(stream)
        writer.start()

        def work() -> None:
            for _ in range(1000):
                writer.write("0123456789\n")

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writer.close()

        assert stream.getvalue() == "0123456789\n" * 4000

    def test_stalled_reader_blocks_no_caller(self, gate: Gate) -> None:
        writer = LogWriter(gate, capacity=3)
        writer.start()
        writer.write("first\n")
        assert gate.is_met.wait(PATIENCE_SECONDS)

        for number in range(10):
            writer.write(f"{number}\n")
        gate.is_open.set()
        writer.close()

        first, *kept, notice = gate.getvalue().splitlines()
        assert [first, *kept] == ["first", "0", "1", "2"]
        assert json.loads(notice) == {
            "event": "log lines dropped",
            "level": "warning",
            "count": 7,
        }

    def test_closing_does_not_wait_for_ever(self, gate: Gate) -> None:
        writer = LogWriter(gate, close_seconds=0.05)
        writer.start()
        writer.write("first\n")
        assert gate.is_met.wait(PATIENCE_SECONDS)

        writer.close()
        writer.write("not waited for\n")
