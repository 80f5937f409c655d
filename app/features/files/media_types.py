"""Media type detection from content; the declared type only decides between text types."""

import codecs
import re

from app.errors import UnsupportedMediaType
from app.features.files.settings import MediaType
from app.http.header_fields import media_type

HEAD_BYTES = 8192
# A ZIP archive that has one of its first entries in the folder appended to this pattern.
OFFICE = rb"(?=PK\x03\x04).*?PK\x03\x04.{26}"
PATTERNS: dict[MediaType, bytes] = {
    "image/png": rb"\x89PNG\r\n\x1a\n",
    "image/jpeg": rb"\xff\xd8\xff",
    "image/gif": rb"GIF8[79]a",
    "image/webp": rb"RIFF.{4}WEBPVP8",
    "application/pdf": rb"%PDF-\d",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": OFFICE + rb"word/",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": OFFICE + rb"xl/",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": OFFICE + rb"ppt/",
}
PDF: MediaType = "application/pdf"
# ISO 32000-1, annex H, notes 13 and 14: the header is within the first 1,024 bytes.
PDF_HEADER_BYTES = 1024
LATE_PDF = re.compile(rb"%PDF-\d|%!PS-Adobe-\d\.\d PDF-\d")
# Executables, archives, scripts and HTML are not PDF even with a later header (as in Acrobat).
NOT_PDF = re.compile(
    rb"MZ|\x7fELF|PK\x03\x04|\xca\xfe\xba\xbe|\xfe\xed\xfa|[\xcf\xce]\xfa\xed\xfe|\x1f\x8b|Rar!|7z\xbc"
    rb"|#!|(?:\xef\xbb\xbf)?\s*<[a-z!?]",
    re.IGNORECASE,
)
SIGNATURES = {kind: re.compile(pattern, re.DOTALL) for kind, pattern in PATTERNS.items()}
TEXTS: dict[str, MediaType] = {
    ".txt": "text/plain",
    ".csv": "text/csv",
    ".json": "application/json",
}
# Declared types that mean "unknown", and aliases of known types.
UNKNOWN = frozenset({"", "application/octet-stream"})
ALIASES = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "application/csv": "text/csv",
    "application/x-pdf": "application/pdf",
    # The type that Windows with Excel declares for a CSV file.
    "application/vnd.ms-excel": "text/csv",
}
CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
JSON_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:[\[{\"\-0-9]|true|false|null)")


def detect(head: bytes, *, declared: str, name: str) -> MediaType:
    """Return the media type of a file that starts with `head`.

    Raises:
        UnsupportedMediaType: the type is unknown, or differs from the declared one.
    """
    claim = media_type(declared)
    claim = ALIASES.get(claim, claim)
    kind = by_signature(head[:HEAD_BYTES]) or as_late_pdf(head, claim, name)
    kind = kind or as_text(head, claim, name)
    if claim not in UNKNOWN and claim != kind:
        raise UnsupportedMediaType("The content of the file does not match its Content-Type.")
    return kind


def by_signature(head: bytes) -> MediaType | None:
    kinds = (kind for kind, signature in SIGNATURES.items() if signature.match(head))
    return next(kinds, None)


def as_late_pdf(head: bytes, claim: str, name: str) -> MediaType | None:
    """Return PDF if the header follows other bytes and the client declares a PDF."""
    is_meant = claim == PDF or (claim in UNKNOWN and name.lower().endswith(".pdf"))
    is_other = NOT_PDF.match(head)
    return PDF if is_meant and not is_other and LATE_PDF.search(head[:PDF_HEADER_BYTES]) else None


def as_text(head: bytes, claim: str, name: str) -> MediaType:
    """Return the text type by declaration, else by extension: text has no signature.

    Raises:
        UnsupportedMediaType: the text has control characters, or is declared as JSON and is not.
    """
    reject_controls(head)
    extension = name[name.rfind(".") :].lower()
    claimed = (kind for kind in TEXTS.values() if kind == claim)
    kind = next(claimed, TEXTS.get(extension, "text/plain"))
    if kind == "application/json" and not JSON_START.match(head):
        raise UnsupportedMediaType("The content of the file is not JSON.")
    return kind


def reject_controls(chunk: bytes) -> None:
    """Reject binary content.

    Raises:
        UnsupportedMediaType: the chunk has control characters.
    """
    if CONTROLS.search(chunk):
        raise UnsupportedMediaType("Files of this type cannot be stored.")


class TextCheck:
    """Validates that text is UTF-8; other types are identified by their first bytes."""

    def __init__(self, kind: MediaType) -> None:
        self._is_text = kind in TEXTS.values()
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def feed(self, chunk: bytes, *, is_last: bool = False) -> None:
        """Validate the next bytes.

        Raises:
            UnsupportedMediaType: a text is not UTF-8 or holds control characters.
        """
        if not self._is_text:
            return
        reject_controls(chunk)
        try:
            self._decoder.decode(chunk, is_last)
        except UnicodeDecodeError as error:
            raise UnsupportedMediaType("Text has to be in UTF-8.") from error
