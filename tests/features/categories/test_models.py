"""Names and places of categories."""

import uuid

import pytest

from app.features.categories.models import MAX_DEPTH, Category, CategoryCycle, CategoryTooDeep
from app.runtime.ids import uuid7
from tests.factories import make_category

PARENT = uuid7()
FANCY = "\uff24ESKS & Straße"  # In full width and with a letter that folds to two.


@pytest.fixture
def category() -> Category:
    return make_category(id=uuid7())


def path(length: int) -> list[uuid.UUID]:
    """From a root to the parent."""
    return [*(uuid7() for _ in range(length - 1)), PARENT]


class TestName:
    def test_siblings_are_compared_by_canonical_form(self) -> None:
        category = make_category(name=FANCY)

        assert category.name == FANCY
        assert category.name_canonical == "desks & strasse"

    def test_canonical_form_follows_a_new_name(self, category: Category) -> None:
        category.name = "Chairs"

        assert category.name_canonical == "chairs"


class TestMove:
    def test_category_moves_below_a_parent(self, category: Category) -> None:
        category.move(PARENT, path=path(1))

        assert category.parent_id == PARENT

    def test_category_becomes_a_root(self, category: Category) -> None:
        category.parent_id = PARENT

        category.move(None, path=[], height=MAX_DEPTH)

        assert category.parent_id is None

    def test_category_cannot_move_below_itself(self, category: Category) -> None:
        with pytest.raises(CategoryCycle):
            category.move(category.id, path=[category.id])

    def test_category_cannot_move_below_its_descendant(self, category: Category) -> None:
        with pytest.raises(CategoryCycle):
            category.move(PARENT, path=[category.id, *path(2)], height=4)

        assert category.parent_id is None

    def test_category_may_be_at_the_last_level(self, category: Category) -> None:
        category.move(PARENT, path=path(MAX_DEPTH - 2), height=2)

        assert category.parent_id == PARENT

    def test_category_cannot_be_below_the_last_level(self, category: Category) -> None:
        with pytest.raises(CategoryTooDeep):
            category.move(PARENT, path=path(MAX_DEPTH - 1), height=2)
