"""Canonical names: names that look the same are equal."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.runtime.canonical import canonical


class TestCanonical:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            pytest.param("Alice@Example.COM", "alice@example.com", id="case"),
            pytest.param(" alice\t\n", "alice", id="surrounding space"),
            pytest.param("\u3000alice\u00a0", "alice", id="surrounding space of other scripts"),
            pytest.param("\uff41\uff4cice\uff20example.com", "alice@example.com", id="full width"),
            pytest.param("STRASSE", "strasse", id="ASCII"),
            pytest.param("straße", "strasse", id="sharp s"),
            pytest.param("ﬁona", "fiona", id="ligature"),
            pytest.param("ΣΊΣΥΦΟΣ", "σίσυφοσ", id="final sigma"),
            pytest.param("e\u0301milie", "émilie", id="combining accent"),
            pytest.param("K\u212arl", "kkrl", id="Kelvin sign"),
            pytest.param("²", "2", id="superscript"),
            pytest.param("", "", id="empty"),
        ],
    )
    def test_spellings_of_one_name_are_equal(self, text: str, expected: str) -> None:
        assert canonical(text) == expected

    def test_different_letters_stay_different(self) -> None:
        assert canonical("ali") != canonical("al\u0131") != canonical("\u0430li")

    @given(st.text())
    def test_folding_twice_changes_nothing(self, text: str) -> None:
        assert canonical(canonical(text)) == canonical(text)

    @given(st.text())
    def test_every_normal_form_is_the_same_name(self, text: str) -> None:
        forms = {canonical(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKD")}

        assert forms == {canonical(text)}

    @pytest.mark.parametrize("text", ["\ud800", "a\udfff", "\udc80b", "\ude00\ud83d"])
    def test_lone_surrogate_is_rejected(self, text: str) -> None:
        with pytest.raises(ValueError, match="surrogates"):
            canonical(text)
