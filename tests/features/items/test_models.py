"""The rule that spans price and tax."""

from decimal import Decimal

import pytest

from app.errors import Unprocessable
from app.features.items.models import broken_price_rule
from tests.factories import make_item, make_user


class TestBrokenPriceRule:
    @pytest.mark.parametrize(
        ("price", "tax", "code"),
        [
            ("1", "0", None),
            ("1", "1", None),
            ("1", "1.01", "tax_above_price"),
            ("9900", "100", None),
            ("9900.01", "100", "gross_price_too_high"),
            ("10000", "0", None),
            ("10000.01", "0", "gross_price_too_high"),
        ],
    )
    def test_bounds_are_included(self, price: str, tax: str, code: str | None) -> None:
        broken = broken_price_rule(Decimal(price), Decimal(tax))

        assert (broken and broken[0]) == code


class TestCheckGrossPrice:
    def test_good_item_passes(self) -> None:
        make_item(make_user(), tax=Decimal(19)).check_gross_price({"price", "tax"})

    @pytest.mark.parametrize(
        ("changed", "pointer"),
        [({"tax"}, "/body/tax"), ({"price"}, "/body/price"), ({"price", "tax"}, "/body/tax")],
    )
    def test_pointer_names_the_changed_field(self, changed: set[str], pointer: str) -> None:
        item = make_item(make_user(), price=Decimal(1), tax=Decimal(2))

        with pytest.raises(Unprocessable) as caught:
            item.check_gross_price(changed)

        assert [violation.pointer for violation in caught.value.violations] == [pointer]
