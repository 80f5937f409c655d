"""The rules of files."""

import pytest

from app.features.files.models import MAX_NAME, Quota, QuotaExceeded, Usage, clean_name


class TestCleanName:
    @pytest.mark.parametrize(
        ("sent", "kept"),
        [
            ("report.pdf", "report.pdf"),
            ("Größe 5 €.pdf", "Größe 5 €.pdf"),
            ("/etc/passwd", "passwd"),
            ("C:\\Users\\me\\report.pdf", "report.pdf"),
            ("../../report.pdf", "report.pdf"),
            ("a\r\nb\0c\x7f.pdf", "abc.pdf"),
            ("photo\u202egpj.exe", "photogpj.exe"),
            ("Gro\u0308\u00dfe.pdf", "Gr\u00f6\u00dfe.pdf"),
            (" .hidden. ", "hidden"),
            ("", "unnamed"),
            ("..", "unnamed"),
            ("folder/", "unnamed"),
            ("a\u2028b\u2029c.pdf", "abc.pdf"),
            ("\u06a9\u062a\u0627\u0628\u200c\u0647\u0627.pdf",) * 2,
            ("\U0001f469\u200d\U0001f4bb.pdf",) * 2,
            ("\U0001faea.pdf",) * 2,  # Newer than Python's tables.
            ("a\ufdd0b\uffff.pdf", "ab.pdf"),
            ("\u3164", "unnamed"),
            ("\u3000", "unnamed"),
            ("\u200d", "unnamed"),
        ],
    )
    def test_strips_directories_from_the_name(self, sent: str, kept: str) -> None:
        assert clean_name(sent) == kept

    def test_long_name_keeps_its_extension(self) -> None:
        cleaned = clean_name("x" * 1000 + ".pdf")

        assert len(cleaned) == MAX_NAME
        assert cleaned.endswith("x.pdf")

    def test_long_extension_is_dropped(self) -> None:
        assert clean_name("a." + "x" * 1000) == "a." + "x" * (MAX_NAME - 2)


class TestQuota:
    @pytest.mark.parametrize("usage", [Usage(0, 0), Usage(100, 10)])
    def test_upload_within_the_quota_is_accepted(self, usage: Usage) -> None:
        Quota(100, 10).check(usage)

    @pytest.mark.parametrize("usage", [Usage(101, 1), Usage(1, 11)])
    def test_upload_beyond_the_quota_is_rejected(self, usage: Usage) -> None:
        with pytest.raises(QuotaExceeded):
            Quota(100, 10).check(usage)
