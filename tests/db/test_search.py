"""Search: each text is found by its own words, in any script, and at any size by an index."""

import unicodedata
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.config.settings import Settings
from app.db.engine import SEARCH_OPTIONS, connect
from app.db.listing import Shape
from app.features.items import crud as items
from app.features.users.models.user import User
from tests.conftest import Database, Save
from tests.factories import make_item
from tests.state import units_of_work

pytestmark = pytest.mark.anyio

NAMES = [
    "node.js",
    "TCP/IP",
    "3.5mm jack",
    "report.pdf",
    "user@example.com",
    "v1.2.3",
    "C++ primer",
    "C# primer",
    "AT&T",
    "O'Neill",
    "na\u00efve",
    "well-known",
    "AB-123/4",
    "https://example.com/a/b?c=d",
    "\u0928\u092e\u0938\u094d\u0924\u0947 \u0926\u0941\u0928\u093f\u092f\u093e",  # Hindi
    "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd \u0bae\u0bca\u0bb4\u0bbf",  # Tamil
    "\u09ac\u09be\u0982\u09b2\u09be \u09ad\u09be\u09b7\u09be",  # Bengali
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",  # Thai
    "\u6771\u4eac\u30bf\u30ef\u30fc",  # Japanese
    "\u4e2d\u534e\u4eba\u6c11\u5171\u548c\u56fd",  # Chinese
    "\ub300\ud55c\ubbfc\uad6d",  # Korean
    "\u0645\u0631\u062d\u0628\u0627 \u0628\u0627\u0644\u0639\u0627\u0644\u0645",  # Arabic
    "\u05e9\u05dc\u05d5\u05dd \u05e2\u05d5\u05dc\u05dd",  # Hebrew
    "\U0001f389\U0001f469\u200d\U0001f680\U0001f389",
    "Stra\u00dfe",
    "\u0130stanbul",
    "\u1f08\u03c7\u03b9\u03bb\u03bb\u03b5\u03cd\u03c2",
    "***",
]
PARTS = [
    ("node.js", "nod"),
    ("node.js", "node"),
    ("node.js", "NODE.JS"),
    ("TCP/IP", "tcp ip"),
    ("3.5mm jack", "5mm"),
    ("report.pdf", "pdf"),
    ("user@example.com", "example.com"),
    ("user@example.com", "user@exam"),
    ("v1.2.3", "1.2.3"),
    ("AB-123/4", "123"),
    ("O'Neill", "neill"),
    ("well-known", "known well"),
    ("https://example.com/a/b?c=d", "example.com/a"),
    (
        "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01",
        "\u0e0a\u0e32\u0e27",
    ),
    ("\u4e2d\u534e\u4eba\u6c11\u5171\u548c\u56fd", "\u4eba\u6c11\u5171"),
    ("\ub300\ud55c\ubbfc\uad6d", "\ud55c\ubbfc\uad6d"),
    ("Stra\u00dfe", "STRASSE"),
    ("\u0131spanak", "ISPANAK"),
    ("ISPANAK", "\u0131spanak"),
    ("\u0130stanbul lambas\u0131", "istanbul LAMBASI"),
    ("\uff2e\uff4f\uff44\uff45", "node"),
]
OTHERS = [
    ("C++ primer", "C# primer"),
    ("node.js", "nodes in js"),
    ("\u6771\u4eac\u30bf\u30ef\u30fc", "\u4eac\u30bf\u6771\u4eac\u30bf\u30ef"),
    ("\u0e0a\u0e32\u0e27\u0e42\u0e25\u0e01", "\u0e42\u0e25\u0e01\u0e0a\u0e32\u0e27"),
    ("v1.2.3", "v12 3"),
]
QUESTIONS = ["walnut", "wal", "node.js", "\u6771\u4eac\u30bf"]
MATCHES = """
SELECT search_lexemes(:name) @@ search_query(:q)
   AND search_folded(:name) LIKE ALL (search_patterns(:q))
"""
MISSED = """
SELECT name, q FROM unnest(CAST(:names AS text[]), CAST(:questions AS text[])) AS pairs (name, q)
 WHERE (search_lexemes(name) @@ search_query(q)
        AND search_folded(name) LIKE ALL (search_patterns(q))) IS NOT TRUE
"""


async def is_found(database: Database, name: str, q: str) -> Any:
    (row,) = await database(f"{MATCHES} AS found", name=name, q=q)
    return row["found"]


class TestSearch:
    @pytest.mark.parametrize("name", NAMES)
    async def test_name_is_found_by_itself(self, database: Database, name: str) -> None:
        assert await is_found(database, name, name)

    @pytest.mark.parametrize("name", NAMES)
    async def test_spelling_in_another_normal_form_is_found(
        self, database: Database, name: str
    ) -> None:
        assert await is_found(database, name, unicodedata.normalize("NFD", name))
        assert await is_found(database, unicodedata.normalize("NFD", name), name)

    @pytest.mark.parametrize(("name", "part"), PARTS)
    async def test_name_is_found_by_a_part(self, database: Database, name: str, part: str) -> None:
        assert await is_found(database, name, part)

    @pytest.mark.parametrize(("name", "q"), OTHERS)
    async def test_other_name_is_not_found(self, database: Database, name: str, q: str) -> None:
        assert not await is_found(database, name, q)

    async def test_text_that_folding_expands_is_cut(self, database: Database) -> None:
        """NFKC makes 18 characters of this one."""
        (row,) = await database("SELECT length(search_folded(repeat('\ufdfa', 20000))) AS length")

        assert row["length"] == 30_000
        assert await is_found(database, "\ufdfa walnut", "\ufdfa")

    async def test_every_generated_name_is_found_by_its_words(self, database: Database) -> None:
        names: list[str] = []

        # Marks at the beginning of a word would join what precedes it in the name.
        words = st.text(
            st.characters(categories=("L", "Nd", "M", "So", "Po", "Sm")), min_size=3, max_size=12
        ).filter(lambda word: unicodedata.category(word[0])[0] in "LN" and is_stable(word))

        @hypothesis_settings(
            max_examples=150, suppress_health_check=list(HealthCheck), deadline=None
        )
        @given(st.lists(words, min_size=1, max_size=4))
        def collect(parts: list[str]) -> None:
            names.append(" ".join(parts))

        collect()
        pairs = [
            (name, word[:length])
            for name in names
            for word in name.split()
            for length in {3, len(word)}
        ]
        missed = await database(
            MISSED, names=[name for name, _ in pairs], questions=[q for _, q in pairs]
        )

        assert pairs
        assert missed == []


def is_stable(word: str) -> bool:
    """Return whether a prefix of the word is normalized alike alone and within the word."""
    return word == unicodedata.normalize("NFKC", word) == word.casefold() and all(
        unicodedata.combining(letter) == 0 for letter in word[3:4]
    )


async def plan_of(app: FastAPI, table: str, searched: str, q: str) -> str:
    """Return the plan of a search that may not read the whole table."""
    async with units_of_work(app).begin() as uow:
        await uow.session.execute(text("SET LOCAL enable_seqscan = off"))
        condition = f"search_lexemes({searched}) @@ search_query('{q}')"
        plan = await uow.session.scalars(text(f"EXPLAIN SELECT id FROM {table} WHERE {condition}"))
        return "\n".join(plan)


class TestSearchIndex:
    """The planner of PostgreSQL can use the index for any query."""

    @pytest.mark.parametrize("q", QUESTIONS)
    async def test_query_uses_the_index(self, app: FastAPI, save: Save, user: User, q: str) -> None:
        await save(make_item(user))

        plan = await plan_of(app, "items", "name || ' ' || coalesce(description, '')", q)

        assert "ix_items_search_lexemes" in plan

    async def test_no_generic_plan_is_cached(self, settings: Settings) -> None:
        shape = Shape(frozenset({"q"}), ("-created_at",), False, 20, has_skip=False)
        query = items.LISTING.page_query(shape)
        connection = await connect(settings, settings.database_url, SEARCH_OPTIONS)

        for _ in range(12):
            await connection.fetch(query.sql, *query.arguments({"q": "walnut"}))
        plans = "SELECT sum(generic_plans), sum(custom_plans) FROM pg_prepared_statements"
        (counted,) = await connection.fetch(f"{plans} WHERE statement LIKE 'SELECT items.%'")
        await connection.close()

        assert tuple(counted) == (0, 12)
