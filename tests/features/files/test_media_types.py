"""Media types detected from bytes."""

import io
import zipfile

import pytest

from app.errors import UnsupportedMediaType
from app.features.files.media_types import TextCheck, detect

OFFICE = "application/vnd.openxmlformats-officedocument"


def archive(*entries: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as opened:
        for entry in entries:
            opened.writestr(entry, f"<content of='{entry}'/>")
    return buffer.getvalue()


BINARIES = {
    "image/png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0",
    "image/gif": b"GIF89a\1\0\1\0",
    "image/webp": b"RIFF\x24\0\0\0WEBPVP8 ",
    "application/pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3",
    f"{OFFICE}.wordprocessingml.document": archive("[Content_Types].xml", "word/document.xml"),
    f"{OFFICE}.spreadsheetml.sheet": archive("_rels/.rels", "docProps/app.xml", "xl/workbook.xml"),
    f"{OFFICE}.presentationml.presentation": archive("ppt/presentation.xml"),
}


class TestDetection:
    @pytest.mark.parametrize("kind", BINARIES)
    @pytest.mark.parametrize("declared", ["", "application/octet-stream", "the same"])
    def test_signature_decides(self, kind: str, declared: str) -> None:
        claim = kind if declared == "the same" else declared

        assert detect(BINARIES[kind], declared=claim, name="x") == kind

    @pytest.mark.parametrize(
        ("declared", "name", "kind"),
        [
            ("", "a", "text/plain"),
            ("", "a.CSV", "text/csv"),
            ("", "a.json", "application/json"),
            ("application/octet-stream", "a.csv", "text/csv"),
            ("text/csv", "a.txt", "text/csv"),
            ("application/vnd.ms-excel", "a.csv", "text/csv"),
            ("text/plain; charset=utf-8", "a.csv", "text/plain"),
            ("Application/JSON", "a", "application/json"),
        ],
    )
    def test_name_and_declared_type_distinguish_texts(
        self, declared: str, name: str, kind: str
    ) -> None:
        assert detect(b'{"a": 1}', declared=declared, name=name) == kind

    @pytest.mark.parametrize("alias", ["image/jpg", "image/pjpeg"])
    def test_other_names_of_a_type_are_known(self, alias: str) -> None:
        head = BINARIES["image/jpeg"]

        assert detect(head, declared=alias, name="x") == "image/jpeg"

    @pytest.mark.parametrize(
        ("head", "declared"),
        [
            (BINARIES["image/png"], "image/jpeg"),
            (BINARIES["application/pdf"], "text/plain"),
            (b"just text", "image/png"),
            (b"<html></html>", "text/html"),
            (b"<svg/>", "image/svg+xml"),
            (b"not JSON", "application/json"),
            (b"MZ\x90\0\3", "application/octet-stream"),
            (b"\x7fELF\2\1", ""),
            ("UTF-16".encode("utf-16"), "text/plain"),
            (archive("a.exe"), "application/zip"),
            (archive("a.exe"), ""),
        ],
    )
    def test_anything_else_is_rejected(self, head: bytes, declared: str) -> None:
        with pytest.raises(UnsupportedMediaType):
            detect(head, declared=declared, name="x")


class TestLatePdf:
    """ISO 32000-1, annex H: the header is somewhere within the first 1,024 bytes."""

    @pytest.mark.parametrize("lead", [b"\r\n", b"\xef\xbb\xbf", b"\0" * 1000, b"HTTP junk\n"])
    @pytest.mark.parametrize(("declared", "name"), [("application/pdf", "x"), ("", "a.PDF")])
    def test_pdf_may_begin_with_other_bytes(self, lead: bytes, declared: str, name: str) -> None:
        assert detect(lead + b"%PDF-1.7\n", declared=declared, name=name) == "application/pdf"

    def test_header_after_1024_bytes_is_ignored(self) -> None:
        with pytest.raises(UnsupportedMediaType):
            detect(b"\n" * 1024 + b"%PDF-1.7", declared="application/pdf", name="a.pdf")

    @pytest.mark.parametrize(
        "lead",
        [b"MZ\x90", b"\x7fELF", b"PK\x03\x04", b"#!/bin/sh\n", b"<html>", b"\n<!DOCTYPE html>"],
    )
    def test_program_or_page_with_a_pdf_header_is_no_pdf(self, lead: bytes) -> None:
        with pytest.raises(UnsupportedMediaType):
            detect(lead + b"\n%PDF-1.7\n", declared="application/pdf", name="a.pdf")

    def test_text_about_pdf_stays_text(self) -> None:
        head = b"A file begins with %PDF-1.7."

        assert detect(head, declared="text/plain", name="notes.txt") == "text/plain"


class TestTextCheck:
    def test_characters_may_be_cut_anywhere(self) -> None:
        check = TextCheck("text/plain")

        for byte in "Größe: 5 €\n".encode():
            check.feed(bytes([byte]))

        check.feed(b"", is_last=True)

    @pytest.mark.parametrize("content", [b"\xff", b"a\0b", b"\x1a", "€".encode()[:2]])
    def test_anything_but_utf_8_text_is_rejected(self, content: bytes) -> None:
        check = TextCheck("text/csv")

        with pytest.raises(UnsupportedMediaType):
            check.feed(content, is_last=True)

    def test_other_kinds_hold_any_bytes(self) -> None:
        TextCheck("image/png").feed(b"\0\xff", is_last=True)
