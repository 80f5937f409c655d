"""Scalars of GraphQL, which accept the same texts as the REST API."""

from decimal import Decimal

import pytest
from strawberry.exceptions import StrawberryInputCoercionError

from app.features.graphql.scalars import parse_decimal


class TestDecimal:
    @pytest.mark.parametrize("value", ["5", "05", "5.00", 5, 5.0])
    def test_plain_number_is_accepted(self, value: object) -> None:
        assert parse_decimal(value) == Decimal(5)

    @pytest.mark.parametrize(
        "value",
        ["", " 5", "+5", "5.", ".5", "1e1", "1_0", "0x5", "\u0665", "\uff15", "NaN", True, [5]],
    )
    def test_anything_else_is_rejected(self, value: object) -> None:
        with pytest.raises(StrawberryInputCoercionError):
            parse_decimal(value)
