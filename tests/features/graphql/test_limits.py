"""Limits of GraphQL documents: depth, aliases, tokens and cost, each rejected with bounded work."""

from functools import partial

import pytest
from graphql import get_introspection_query

from app.features.graphql.errors import InvalidQuery, QueryTooComplex
from app.features.graphql.limits import check_query
from benchmarks.harness.graphql import ATTACKS, FULL_PAGE, nested, page_of
from tests.counting import calls_during

# A tenth of a second of an idle processor; what doubles with each fragment would be millions.
REJECTED_WITHIN_CALLS = 100_000

checked_query = partial(check_query, connections={"items", "users"})


class TestCosts:
    @pytest.mark.parametrize(
        ("query", "variables", "rows"),
        [
            ("{me {id}}", {}, 1),
            ("{items {pageInfo {endCursor}}}", {}, 20),
            ("{" + FULL_PAGE + "}", {}, 400),
            ("{a: " + page_of(100) + " b: " + page_of(7) + "}", {}, 107),
            ("query ($n: Int!) {items(first: $n) {edges {cursor}}}", {"n": 50}, 50),
            ("query ($n: Int = 30) {items(first: $n) {edges {cursor}}}", {}, 30),
            ("{...f} fragment f on Query {items(first: 5) {edges {node {owner {id}}}}}", {}, 10),
            ("{items {totalCount}}", {}, 120),
            ("{a: items(first: 1) {totalCount} b: users(first: 1) {totalCount}}", {}, 202),
            (get_introspection_query(), {}, 0),
        ],
    )
    def test_rows_are_page_sizes_times_nesting(
        self, query: str, variables: dict[str, object], rows: int
    ) -> None:
        assert checked_query(query, variables).rows == rows

    @pytest.mark.parametrize("variables", [{"n": "x"}, {"n": None}, {"n": 10**9}, {"n": True}])
    def test_invalid_page_size_costs_the_largest_page_at_most(
        self, variables: dict[str, object]
    ) -> None:
        query = "query ($n: Int) {items(first: $n) {edges {cursor}}}"

        assert checked_query(query, variables).rows <= 100

    def test_number_of_extra_requests_follows_the_rows(self) -> None:
        assert checked_query("{me {id}}").extra_requests == 0
        assert checked_query("{" + FULL_PAGE + "}").extra_requests == 4


class TestLimits:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_attack_is_rejected_at_once(self, attack: str) -> None:
        def attempt() -> None:
            with pytest.raises(QueryTooComplex):
                checked_query(ATTACKS[attack])

        assert calls_during(attempt) < REJECTED_WITHIN_CALLS

    @pytest.mark.parametrize(
        "query",
        [
            nested(8),
            "{" + " ".join(f"a{n}:me{{id}}" for n in range(15)) + "}",
            "{item{...f ...f}} fragment f on Item {id name}",
            "query a {me{id}} query b {me{id}}",
            "{... on Query {me{id}}}",
            get_introspection_query(),
        ],
    )
    def test_query_within_the_limits_is_accepted(self, query: str) -> None:
        assert checked_query(query).document.definitions

    @pytest.mark.parametrize(
        "query",
        [
            "{items(filter: {" + "a: 1 " * 101 + "}) {edges {cursor}}}",
            "{items(filter: {tag: [" + '"a" ' * 101 + "]}) {edges {cursor}}}",
            "{items(filter: {tag: " + "[" * 101 + "]" * 101 + "}) {edges {cursor}}}",
            "query ($f: ItemFilter = {" + "a: 1 " * 101 + "}) {items {edges {cursor}}}",
        ],
    )
    def test_number_of_literals_is_bounded(self, query: str) -> None:
        with pytest.raises(QueryTooComplex):
            checked_query(query)

    @pytest.mark.parametrize(
        "definition",
        [
            "fragment f on User {" + "id " * 900 + "}",
            "fragment f on Query {" + "items{edges{node{owner{id}}}} " * 70 + "}",
            "fragment f on User {id} fragment f on User {id}",
            "type A {" + "a: Int " * 240 + "}",
            "extend type Query {a: Int}",
        ],
    )
    def test_definition_that_no_operation_uses_is_rejected(self, definition: str) -> None:
        """Validation took up to 0.4 s for it, and no limit applied to its fields."""
        with pytest.raises(InvalidQuery):
            checked_query(f"{{me{{id}}}} {definition}")

    @pytest.mark.parametrize(
        "query", ["", "{", "}", "{me{id}", "\0", "{\ud800}", "query", "\u00fc"]
    )
    def test_invalid_syntax_is_reported(self, query: str) -> None:
        with pytest.raises(InvalidQuery):
            checked_query(query)
