"""Grammar of header fields (RFC 9110, section 5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.header_fields import (
    accepts_gzip,
    field_value,
    list_members,
    media_type,
    parameterized,
    preferred_media_type,
)


class TestLines:
    def test_all_lines_of_a_field_are_one_value(self) -> None:
        headers = [(b"if-match", b' "a"'), (b"etag", b'"c"'), (b"if-match", b'"b"\t')]

        assert field_value(headers, b"if-match") == '"a", "b"'

    def test_missing_field_has_no_value(self) -> None:
        assert field_value([(b"a", b"1")], b"b") is None


class TestLists:
    @pytest.mark.parametrize(
        ("value", "members"),
        [
            (None, []),
            ("", []),
            (" , ,", []),
            ("a", ["a"]),
            ("a ,\tb,", ["a", "b"]),
            ('"a,b", c', ['"a,b"', "c"]),
            (r'"a\",b", c', [r'"a\",b"', "c"]),
            ('x;y="a,b";q=1,c', ['x;y="a,b";q=1', "c"]),
            ('a, "never closed, b', ["a", '"never closed, b']),
        ],
    )
    def test_splits_outside_quoted_strings(self, value: str | None, members: list[str]) -> None:
        assert list_members(value) == members

    @given(st.text(alphabet='",\\; a', max_size=200))
    def test_preserves_all_characters_but_commas_and_blanks(self, value: str) -> None:
        found = "".join(list_members(value))

        assert found.replace(",", "").replace(" ", "") == value.replace(",", "").replace(" ", "")

    @pytest.mark.parametrize("evil", ['"', '\\"', '"\\', ",", ";", '",', '"a"'])
    def test_long_field_is_split_in_linear_time(self, evil: str) -> None:
        # A quadratic pattern would need minutes, and the suite's timeout ends it.
        value = evil * 300_000

        list_members(value)
        parameterized(value)

    def test_reads_parameters_with_quoted_strings(self) -> None:
        found = parameterized('Text/HTML ; Level="1;\\"2" ;q=0.5; Level=3')

        assert found.value == "text/html"
        assert found.parameters == {"level": '1;"2', "q": "0.5"}
        assert found.weight == 0.5

    @pytest.mark.parametrize(
        ("value", "kind"),
        [
            (None, ""),
            ("Application/JSON;charset=utf-8", "application/json"),
            ('multipart/form-data; boundary="a;b"', "multipart/form-data"),
        ],
    )
    def test_names_media_type_without_parameters(self, value: str | None, kind: str) -> None:
        assert media_type(value) == kind


class TestAcceptEncoding:
    @pytest.mark.parametrize(
        "value",
        ["gzip", "GZIP", "x-gzip", "br, gzip", "gzip;q=0.001", "*", "*;q=0.5", "gzip , identity"],
    )
    def test_accepts_gzip(self, value: str) -> None:
        assert accepts_gzip(value)

    @pytest.mark.parametrize(
        "value",
        [
            None,
            "",
            "br",
            "gzip;q=0",
            "gzip; Q=0.0",
            "*, gzip;q=0",
            "*;q=0",
            "gzipped",
            "not-gzip",
            'x;y="gzip"',
            "gzip;q=0.5, identity",
            "gzip;q=much",
        ],
    )
    def test_rejects_gzip(self, value: str | None) -> None:
        assert not accepts_gzip(value)


class TestAccept:
    OFFERED = ("text/html", "application/json")

    @pytest.mark.parametrize(
        ("accept", "chosen"),
        [
            (None, "text/html"),
            ("", "text/html"),
            ("*/*", "text/html"),
            ("application/json", "application/json"),
            ("APPLICATION/JSON", "application/json"),
            ("application/*", "application/json"),
            ("application/json, text/html", "text/html"),
            ("application/json, text/html;q=0.9", "application/json"),
            ("text/html;q=0, */*", "application/json"),
            ("text/html;q=0.1, text/*;q=0.9, application/json;q=0.5", "application/json"),
            ('text/html;x="application/json, a"', "text/html"),
            ("image/png", None),
        ],
    )
    def test_selects_the_highest_weight(self, accept: str | None, chosen: str | None) -> None:
        assert preferred_media_type(accept, self.OFFERED) == chosen
