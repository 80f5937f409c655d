"""Multipart bodies, however they are cut into chunks."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import BadRequest
from app.features.files.multipart import SLICE_BYTES, MultipartReader
from tests.counting import calls_during

CONTENT_TYPE = "multipart/form-data; boundary=cut"
FIELD = b'--cut\r\nContent-Disposition: form-data; name="field"\r\n\r\n'

Parts = list[tuple[str, bytes]]


def body(parts: Parts) -> bytes:
    sent = b"".join(
        b'--cut\r\nContent-Disposition: form-data; name="%s"\r\n\r\n%s\r\n'
        % (name.encode(), content)
        for name, content in parts
    )
    return sent + b"--cut--\r\n"


def reader(content: bytes, size: int = 1000) -> MultipartReader:
    async def arriving() -> AsyncIterator[bytes]:
        for place in range(0, len(content), size):
            yield content[place : place + size]

    return MultipartReader(CONTENT_TYPE, arriving())


async def read(content: bytes, size: int = 1000) -> Parts:
    return [
        (part.head.name, b"".join([chunk async for chunk in part.data]))
        async for part in reader(content, size).parts()
    ]


class TestMultipartReader:
    @given(
        parts=st.lists(
            st.tuples(
                st.text("abcdef", min_size=1),
                # What resembles a boundary is what a parser gets wrong.
                st.lists(st.sampled_from([b"\r", b"\n", b"-", b"--cut", b"x", b"\r\n--cu"])).map(
                    b"".join
                ),
            ),
            min_size=1,
        ).filter(lambda parts: all(b"\r\n--cut" not in b"\r\n" + content for _, content in parts)),
        size=st.integers(1, 200),
    )
    def test_returns_the_parts_that_were_sent(self, parts: Parts, size: int) -> None:
        assert asyncio.run(read(body(parts), size)) == parts

    async def test_large_chunk_is_parsed_in_slices(self) -> None:
        malformed = (FIELD + b"\r\n") * (SLICE_BYTES // len(FIELD) + 1) + b"--cut\r\n@"
        parts = reader(malformed, len(malformed)).parts()

        assert (await anext(parts)).head.name == "field"  # What follows is not parsed yet.
        with pytest.raises(BadRequest):
            _ = [part async for part in parts]

    def test_slice_of_empty_parts_is_parsed_with_few_calls(self) -> None:
        empty_parts = b"--cut\r\n\r\n\r\n" * (SLICE_BYTES // 11)

        async def read_one() -> None:
            await anext(reader(empty_parts, len(empty_parts)).parts())

        assert calls_during(lambda: asyncio.run(read_one())) < 50_000

    async def test_unread_part_is_skipped(self) -> None:
        sent = body([("a", b"x" * 5000), ("b", b"y")])

        names = [part.head.name async for part in reader(sent, 10).parts()]

        assert names == ["a", "b"]

    async def test_headers_are_returned(self) -> None:
        sent = (
            b"--cut\r\ncontent-TYPE: text/plain\r\n"
            b'Content-Disposition: form-data; name="file"; filename="\xc3\xa4;\\".txt"\r\n'
            b"\r\n\r\n--cut--"
        )

        heads = [part.head async for part in reader(sent, 3).parts()]

        assert [(head.name, head.filename, head.content_type) for head in heads] == [
            ("file", 'ä;".txt', "text/plain")
        ]

    async def test_epilogue_is_not_read(self) -> None:
        assert await read(FIELD + b"x\r\n--cut--\r\n" + b"noise " * 1000) == [("field", b"x")]

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            FIELD,
            FIELD + b"x\r\n--cut",
            b"--other\r\n\r\n",
            b"--cut\r\nno colon\r\n\r\n\r\n--cut--",
            b"--cut\r\n" + b"a: b\r\n" * 100 + b"\r\n\r\n--cut--",
            b"--cut\r\na: " + b"b" * 10_000 + b"\r\n\r\n\r\n--cut--",
        ],
    )
    async def test_malformed_body_is_rejected(self, content: bytes) -> None:
        with pytest.raises(BadRequest):
            await read(content)
