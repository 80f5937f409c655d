"""Preconditions of requests (RFC 9110, section 13): one evaluation for reads and writes.

Representations of one version differ in their entity tags: `"7"` uncompressed, `"7-gzip"`
compressed, `"7-5f0c6f1e"` with fields that change without the row. A write matches any tag of its
version, a read the tag of either coding; only If-Range compares exact bytes.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.errors import BadRequest, PreconditionFailed
from app.http.header_fields import BLANKS, RawHeaders, field_value
from app.http.http_dates import parse_http_date

CONDITIONS = frozenset(
    {b"if-match", b"if-none-match", b"if-modified-since", b"if-unmodified-since"}
)
GZIP_SUFFIX = "-gzip"
READS = frozenset({"GET", "HEAD"})
# Entity tags hold commas and backslashes, and no quoted pairs (RFC 9110, section 8.8.3).
# A version with the suffixes of `etag_of` and of compression: the service sends no other tags.
ROW_TAG = re.compile(r"([0-9]+)(?:-[0-9a-f]{8})?(?:-gzip)?")
ENTITY_TAG = re.compile(r'(W/)?"([\x21\x23-\x7e\x80-\xff]*)"')
MEMBER = re.compile(r'(?:"[^"]*+(?:"|$)|[^,"])+')


@dataclass(frozen=True, slots=True)
class Validators:
    """Validators of the current state; `etag` is strong and of the uncompressed response."""

    etag: str
    modified_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class EntityTag:
    opaque: str
    is_weak: bool = False

    @property
    def plain(self) -> str:
        """The opaque tag of the uncompressed response."""
        return self.opaque.removesuffix(GZIP_SUFFIX)

    @property
    def version(self) -> str:
        """The version of the row, which all of its representations share."""
        row = ROW_TAG.fullmatch(self.opaque)
        return row[1] if row else self.plain

    def __str__(self) -> str:
        return f'W/"{self.opaque}"' if self.is_weak else f'"{self.opaque}"'


@dataclass(frozen=True, slots=True)
class EntityTags:
    """The value of If-Match or If-None-Match."""

    is_any: bool = False
    tags: Sequence[EntityTag] = ()
    is_malformed: bool = False


def parse_entity_tags(value: str) -> EntityTags:
    """Parse a list of entity tags, or a single `*`."""
    if value.strip(BLANKS) == "*":
        return EntityTags(is_any=True)
    members = [match[0].strip(BLANKS) for match in MEMBER.finditer(value)]
    found = [parse_entity_tag(member) for member in members if member]
    tags = [tag for tag in found if tag]
    return EntityTags(tags=tags, is_malformed=len(tags) < len(found))


def parse_entity_tag(text: str) -> EntityTag | None:
    match = ENTITY_TAG.fullmatch(text)
    return EntityTag(match[2], is_weak=bool(match[1])) if match else None


def evaluate_preconditions(method: str, headers: RawHeaders, current: Validators) -> str | None:
    """Evaluate preconditions on an existing resource in the order of RFC 9110, section 13.2.2.

    Returns:
        The entity tag for a response 304 to a read, None if the request is to be performed.

    Raises:
        PreconditionFailed: a precondition does not hold.
        BadRequest: If-None-Match of a write is malformed.
    """
    fields = {name for name, _ in headers if name in CONDITIONS}
    if not fields:
        return None
    if b"if-match" in fields:
        check_match(field_value(headers, b"if-match") or "", current)
    elif b"if-unmodified-since" in fields:
        check_unmodified_since(field_value(headers, b"if-unmodified-since") or "", current)
    if b"if-none-match" in fields:
        return none_match(method, field_value(headers, b"if-none-match") or "", current)
    since = field_value(headers, b"if-modified-since") if method in READS else None
    return current.etag if since and not is_later(current, since) else None


def check_match(value: str, current: Validators) -> None:
    """Evaluate If-Match (section 13.1.1).

    Raises:
        PreconditionFailed: no tag matches the current version.
    """
    given, version = parse_entity_tags(value), tag_of(current).version
    if given.is_any or any(not tag.is_weak and tag.version == version for tag in given.tags):
        return
    if any(tag.is_weak for tag in given.tags):
        raise PreconditionFailed(
            "If-Match compares strongly, and a weak tag (W/) matches nothing: send the tag as "
            "the service sent it, without W/."
        )
    raise PreconditionFailed("If-Match names another version than the current one.")


def check_unmodified_since(value: str, current: Validators) -> None:
    """Evaluate If-Unmodified-Since (section 13.1.4); a malformed date is ignored.

    Raises:
        PreconditionFailed: the current state is newer.
    """
    if is_later(current, value, default=False):
        raise PreconditionFailed("The resource was modified after If-Unmodified-Since.")


def none_match(method: str, value: str, current: Validators) -> str | None:
    """Evaluate If-None-Match (section 13.1.2): a read by representation, a write by version.

    Raises:
        PreconditionFailed: a write matches the current version.
        BadRequest: the value of a write is malformed.
    """
    given, own = parse_entity_tags(value), tag_of(current)
    if method in READS:
        known = next((tag.opaque for tag in given.tags if tag.plain == own.opaque), None)
        return current.etag if given.is_any else known and f'"{known}"'
    if given.is_malformed:
        raise BadRequest("If-None-Match is not a list of entity tags, and not * alone.")
    if given.is_any or any(tag.version == own.version for tag in given.tags):
        raise PreconditionFailed("If-None-Match names the current version, or any.")
    return None


def is_later(current: Validators, date: str, *, default: bool = True) -> bool:
    """Return whether the state is newer than the date, `default` if one of them is unknown.

    HTTP dates have whole seconds and cannot distinguish two changes within one second.
    """
    moment = parse_http_date(date)
    if moment is None or current.modified_at is None:
        return default
    return current.modified_at.replace(microsecond=0) > moment


def tag_of(current: Validators) -> EntityTag:
    return EntityTag(current.etag.strip('"'))
