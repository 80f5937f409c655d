"""Items: products on offer."""

import uuid
from collections.abc import Collection
from datetime import datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, Numeric, String, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Versioned, VersionedRow
from app.errors import Unprocessable, Violation
from app.features.categories.models import Category
from app.features.users.models.user import User

MAX_GROSS_PRICE = Decimal(10_000)
ALIVE = text("deleted_at IS NULL")
SEARCHED = "name || ' ' || coalesce(description, '')"
# As PostgreSQL stores the expression, which Alembic compares it with.
STORED = "(name::text || ' '::text) || COALESCE(description, ''::character varying)::text"


class Item(Versioned, Base):
    """One product; price and tax are in euros. Deletion is soft."""

    __tablename__ = "items"
    __table_args__ = (
        CheckConstraint("price > 0", name="price_is_positive"),
        CheckConstraint("tax BETWEEN 0 AND 100 AND tax <= price", name="tax_is_bounded"),
        CheckConstraint("price + tax <= 10000", name="gross_price_is_bounded"),
        Index("ix_items_created_at", "created_at", "id", postgresql_where=ALIVE),
        Index("ix_items_price", "price", "id", postgresql_where=ALIVE),
        Index("ix_items_name", "name", "id", postgresql_where=ALIVE),
        Index("ix_items_owner_id", "owner_id", "created_at", "id", postgresql_where=ALIVE),
        # Includes deleted items: they are removed from a category before its deletion.
        Index("ix_items_category_id", "category_id"),
        Index("ix_items_search_lexemes", text(f"search_lexemes({STORED})"), postgresql_using="gin"),
        Index("ix_items_tags", "tags", postgresql_using="gin", postgresql_where=ALIVE),
    )

    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str | None] = mapped_column(String(500))
    price: Mapped[Decimal] = mapped_column(Numeric(7, 2))
    tax: Mapped[Decimal] = mapped_column(Numeric(5, 2), server_default="0")
    tags: Mapped[list[str]] = mapped_column(ARRAY(String(30)), server_default="{}")
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey(User.id))
    category_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey(Category.id))
    processed_at: Mapped[datetime | None]
    deleted_at: Mapped[datetime | None]

    def check_gross_price(self, changed: Collection[str]) -> None:
        """Check the rule that spans price and tax; the error points at the changed field.

        Raises:
            Unprocessable: the tax is above the price, or their sum above the limit.
        """
        broken = broken_price_rule(self.price, self.tax)
        if broken:
            code, message = broken
            field = "tax" if "tax" in changed else "price"
            raise Unprocessable(violations=[Violation(f"/body/{field}", message, code)])


class ItemRow(VersionedRow):
    """Columns of an item; price and tax are in euros."""

    name: str
    description: str | None
    price: Decimal
    tax: Decimal
    tags: list[str]
    category_id: uuid.UUID | None
    owner_id: uuid.UUID
    processed_at: datetime | None


def broken_price_rule(price: Decimal, tax: Decimal) -> tuple[str, str] | None:
    """Return code and message of the rule that price and tax, in euros, break together, or None."""
    if tax > price:
        return "tax_above_price", "The tax may not be above the price"
    if price + tax > MAX_GROSS_PRICE:
        return "gross_price_too_high", "Price and tax together may be at most 10000"
    return None
