"""Rules of all schemas: strict types, exact times and money."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from app.features.items.money import Money
from app.http.schemas import LINE, TEXT, Date, RequestModel, Storable, Timestamp

MONEY: TypeAdapter[Decimal] = TypeAdapter(Money)
DATE: TypeAdapter[date] = TypeAdapter(Date)
TIME: TypeAdapter[datetime] = TypeAdapter(Timestamp)
ONE_LINE: TypeAdapter[str] = TypeAdapter(Annotated[Storable, LINE])
LINES: TypeAdapter[str] = TypeAdapter(Annotated[Storable, TEXT])


class Sample(RequestModel):
    number: int = 0
    text: str = ""
    flag: bool = False


class TestIn:
    @pytest.mark.parametrize(
        "fields",
        [
            {"number": "7"},
            {"number": 7.0},
            {"number": True},
            {"text": 7},
            {"flag": 1},
            {"flag": "true"},
            {"other": 1},
        ],
    )
    def test_other_type_or_field_is_rejected(self, fields: dict[str, Any]) -> None:
        with pytest.raises(ValidationError) as caught:
            Sample.model_validate(fields)

        assert "input_value" not in str(caught.value)


class TestMoney:
    @given(st.decimals("-99999", "99999", places=2))
    def test_number_and_text_mean_the_same(self, amount: Decimal) -> None:
        from_text = MONEY.validate_python(str(amount))

        assert from_text == amount
        assert MONEY.validate_python(float(amount)) == from_text
        assert from_text.as_tuple().exponent == -2

    @given(st.text() | st.floats() | st.integers() | st.booleans() | st.none() | st.binary())
    def test_any_value_is_money_or_rejected(self, value: Any) -> None:
        try:
            amount = MONEY.validate_python(value)
        except ValidationError:
            return
        assert amount.is_finite()
        assert abs(amount) < 100_000


class TestTimestamp:
    @pytest.mark.parametrize(
        "text",
        [
            "2027-01-31T12:00:00Z",
            "2027-01-31t12:00:00z",
            "2027-01-31T12:00:00.000Z",
            "2027-01-31T13:00:00+01:00",
            "2027-01-31T06:30:00-05:30",
        ],
    )
    def test_rfc_3339_is_understood(self, text: str) -> None:
        moment = TIME.validate_python(text)

        assert moment == datetime(2027, 1, 31, 12, tzinfo=UTC)
        assert TIME.dump_json(moment) == b'"2027-01-31T12:00:00Z"'

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"])
    def test_smallest_and_largest_time_are_accepted(self, text: str) -> None:
        assert TIME.validate_python(text).utcoffset() == timedelta(0)

    @pytest.mark.parametrize(
        "value",
        [
            "2027-01-31T12:00:00",
            "2027-01-31",
            "2027-01-31 12:00:00Z",
            "2027-02-30T12:00:00Z",
            "2027-01-31T25:00:00Z",
            "20270131T120000Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "2027-01-31T12:00:00+0100",
            "1801396800",
            1_801_396_800,
            1.5,
            True,
            None,
            "",
            "tomorrow",
        ],
    )
    def test_anything_else_is_rejected(self, value: Any) -> None:
        with pytest.raises(ValidationError):
            TIME.validate_python(value)


class TestDate:
    def test_full_date_of_rfc_3339_is_understood(self) -> None:
        assert DATE.validate_python("2027-01-31") == date(2027, 1, 31)

    @pytest.mark.parametrize(
        "value",
        ["2027-02-30", "2027-1-31", "20270131", "2027-W04-7", "2027-01-31T00:00:00Z", "", 0, None],
    )
    def test_anything_else_is_rejected(self, value: Any) -> None:
        with pytest.raises(ValidationError):
            DATE.validate_python(value)


class TestTexts:
    @pytest.mark.parametrize("text", ["", "a", "two\nlines", "\U0001f9ff", "\xe9"])
    def test_storable_text_is_preserved(self, text: str) -> None:
        assert LINES.validate_python(text) == text

    @pytest.mark.parametrize("text", ["\0", "a\0b", "\ud800", "a\udfff"])
    @pytest.mark.parametrize("adapter", [LINES, ONE_LINE])
    def test_unstorable_text_is_rejected(self, adapter: TypeAdapter[str], text: str) -> None:
        with pytest.raises(ValidationError):
            adapter.validate_python(text)

    def test_line_is_trimmed(self) -> None:
        assert ONE_LINE.validate_python("\t a  b \n") == "a  b"
