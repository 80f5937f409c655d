"""What a document may ask for, and how fast too much is refused."""

import time

import pytest
from graphql import get_introspection_query

from app.api.graphql.limits import InvalidQuery, QueryTooComplex, checked

REFUSED_WITHIN_SECONDS = 0.1


def nested(levels: int) -> str:
    return "{item{category" + "{parent" * (levels - 3) + "{id}" + "}" * (levels - 3) + "}}"


def fragments(count: int) -> str:
    """Each spreads the next one twice."""
    parts = [f"fragment f{n} on Item {{...f{n + 1} ...f{n + 1}}}" for n in range(count)]
    return "{item{...f0}}" + "".join(parts) + f"fragment f{count} on Item {{id}}"


ATTACKS = {
    "depth": nested(9),
    "deep beyond the parser": "{a" * 450 + "}" * 450,
    "depth through fragments": "{item{...f}} fragment f on Item " + nested(9)[5:-1],
    "aliases": "{" + " ".join(f"a{n}:me{{id}}" for n in range(16)) + "}",
    "aliases in fragments": (
        "{item{...f ...g}}"
        f"fragment f on Item {{{' '.join(f'a{n}:id' for n in range(8))}}}"
        f"fragment g on Item {{{' '.join(f'b{n}:id' for n in range(8))}}}"
    ),
    "repeated fields": "{me{" + "id " * 900 + "}}",
    "tokens": "{me{" + "id " * 2000 + "}}",
    "fragments that double": fragments(40),
    "empty fragments that double": fragments(40).replace("{id}", "{__typename}"),
    "fragment of itself": "{item{...f}} fragment f on Item {...f}",
    "fragments of one another": "{item{...f}} fragment f on Item {...g} fragment g on Item {...f}",
    "directives": "{me" + " @skip(if:false)" * 400 + "{id}}",
    "lists in lists": "{item(id:" + "[" * 900 + "]" * 90 + "){id}}",
}


class TestLimits:
    @pytest.mark.parametrize("attack", ATTACKS)
    def test_attack_is_refused_at_once(self, attack: str) -> None:
        started = time.perf_counter()
        with pytest.raises(QueryTooComplex):
            checked(ATTACKS[attack])

        assert time.perf_counter() - started < REFUSED_WITHIN_SECONDS

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
    def test_what_is_within_the_limits_passes(self, query: str) -> None:
        assert checked(query).definitions

    @pytest.mark.parametrize(
        "query", ["", "{", "}", "{me{id}", "\0", "{\ud800}", "query", "\u00fc"]
    )
    def test_what_is_no_query_says_so(self, query: str) -> None:
        with pytest.raises(InvalidQuery):
            checked(query)
