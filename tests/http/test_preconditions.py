"""Preconditions against a plain model of RFC 9110, section 13.2.2."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import BadRequest, PreconditionFailed
from app.http.http_dates import format_http_date
from app.http.preconditions import (
    Validators,
    evaluate_preconditions,
    parse_entity_tags,
)

SECOND = datetime(2026, 11, 29, 12, 0, 0, tzinfo=UTC)
CURRENT = Validators('"7"', SECOND + timedelta(microseconds=700_000))
DATES = {
    "before": format_http_date(SECOND - timedelta(seconds=1)),
    "same": format_http_date(SECOND),
    "after": format_http_date(SECOND + timedelta(seconds=1)),
    "none": "a while ago",
}
# Each tag with what it is: of the current state or not, strong or weak.
TAGS = {'"7"': (True, True), 'W/"7"': (True, False), '"7-gzip"': (True, True), '"6"': (False, True)}
tag_lists = st.one_of(
    st.just(["*"]), st.lists(st.sampled_from([*TAGS, '"a,*,7"', '"\\"', 'W/"x,y"']), max_size=4)
)
requests = st.fixed_dictionaries(
    {},
    optional={
        "if-match": tag_lists,
        "if-none-match": tag_lists,
        "if-modified-since": st.sampled_from(sorted(DATES)),
        "if-unmodified-since": st.sampled_from(sorted(DATES)),
    },
)


def model(method: str, sent: dict[str, list[str] | str]) -> int:
    """The status by the steps of section 13.2.2, written as they are numbered there."""
    is_read = method in {"GET", "HEAD"}
    if "if-match" in sent:
        step_1 = sent["if-match"] == ["*"] or (True, True) in kinds(sent["if-match"])
    else:
        step_1 = sent.get("if-unmodified-since") != "before"  # Step 2 of the RFC.
    if "if-none-match" in sent:
        tags = sent["if-none-match"]
        step_3 = tags != ["*"] and not any(is_current for is_current, _ in kinds(tags))
    else:
        step_3 = not is_read or sent.get("if-modified-since") not in {"same", "after"}  # Step 4.
    return 412 if not step_1 else 200 if step_3 else 304 if is_read else 412


def kinds(tags: list[str] | str) -> list[tuple[bool, bool]]:
    return [TAGS.get(tag, (False, False)) for tag in tags]


def lines_of(sent: dict[str, list[str] | str], *, is_joined: bool) -> list[tuple[bytes, bytes]]:
    found: list[tuple[bytes, bytes]] = []
    for name, value in sent.items():
        if isinstance(value, str):
            lines = [DATES[value]]
        else:
            lines = [", ".join(value)] if is_joined or not value else value
        found.extend((name.encode(), line.encode()) for line in lines)
    return found


def answer(method: str, headers: list[tuple[bytes, bytes]]) -> int:
    try:
        return 304 if evaluate_preconditions(method, headers, CURRENT) else 200
    except PreconditionFailed as error:
        return error.status


@settings(max_examples=1000)
@given(st.sampled_from(["GET", "HEAD", "PUT", "PATCH", "DELETE", "POST"]), requests, st.booleans())
def test_follows_the_order_of_the_rfc(
    method: str, sent: dict[str, list[str] | str], is_joined: bool
) -> None:
    assert answer(method, lines_of(sent, is_joined=is_joined)) == model(method, sent)


@pytest.mark.parametrize(
    "value",
    ['"a,*,b"', '"*"', "*, *", '*, "6"', "7", "", "'7'", '"7', 'w/"7"', 'W/"7"', '"7-x"', '"7-"'],
)
def test_if_match_of_no_current_tag_fails(value: str) -> None:
    assert answer("PATCH", [(b"if-match", value.encode())]) == 412


def test_rejection_of_a_weak_tag_explains_it() -> None:
    with pytest.raises(PreconditionFailed, match="weak"):
        evaluate_preconditions("PATCH", [(b"if-match", b'W/"7"')], CURRENT)


@pytest.mark.parametrize("value", [b'*, "6"', b"7", b'"6", oops'])
def test_malformed_if_none_match_rejects_the_write(value: bytes) -> None:
    with pytest.raises(BadRequest):
        evaluate_preconditions("PUT", [(b"if-none-match", value)], CURRENT)


def test_not_modified_repeats_the_tag_of_the_client() -> None:
    assert evaluate_preconditions("GET", [(b"if-none-match", b'"7-gzip"')], CURRENT) == '"7-gzip"'
    assert evaluate_preconditions("GET", [(b"if-none-match", b'W/"7"')], CURRENT) == '"7"'


def test_dates_do_not_count_where_no_date_is_known() -> None:
    undated = Validators('"7"')
    date = DATES["before"].encode()

    assert evaluate_preconditions("PUT", [(b"if-unmodified-since", date)], undated) is None
    assert evaluate_preconditions("GET", [(b"if-modified-since", date)], undated) is None


def test_entity_tags_hold_commas_and_backslashes() -> None:
    found = parse_entity_tags(r'"a,b" ,, W/"c\" , "d"')

    assert [str(tag) for tag in found.tags] == ['"a,b"', r'W/"c\"', '"d"']
    assert not found.is_malformed


@pytest.mark.parametrize("evil", [b'"', b",", b'W/"', b'"a"', b'",'])
def test_long_list_of_tags_is_read_in_linear_time(evil: bytes) -> None:
    assert answer("PATCH", [(b"if-match", evil * 300_000)]) == 412
