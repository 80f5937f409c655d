"""Schemas of the external API: what is made of the responses of other services."""

import pytest
from pydantic import ValidationError

from app.features.external.schemas import Quote

QUOTE = {"currency": "EUR", "delivery_days": 3}


@pytest.mark.parametrize(("price", "rounded"), [("12.5", "12.50"), (0, "0.00"), ("9.999", "10.00")])
def test_price_has_two_decimal_places(price: object, rounded: str) -> None:
    assert Quote.model_validate({**QUOTE, "price": price}).model_dump(mode="json")["price"] == (
        rounded
    )


@pytest.mark.parametrize("price", ["-1", "100000", "1e30", "NaN"])
def test_price_that_cannot_be_shown_is_rejected(price: str) -> None:
    with pytest.raises(ValidationError):
        Quote.model_validate({**QUOTE, "price": price})
