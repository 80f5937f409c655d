"""Attacks on GraphQL: documents that cost more than they seem."""


def nested(levels: int) -> str:
    return "{item{category" + "{parent" * (levels - 3) + "{id}" + "}" * (levels - 3) + "}}"


def fragments(count: int) -> str:
    """Each spreads the next one twice."""
    parts = [f"fragment f{n} on Item {{...f{n + 1} ...f{n + 1}}}" for n in range(count)]
    return "{item{...f0}}" + "".join(parts) + f"fragment f{count} on Item {{id}}"


def page_of(size: int | str) -> str:
    return f"items(first: {size}) {{edges {{cursor}}}}"


FULL_PAGE = "items(first: 100) {edges {node {id owner {id} category {parent {id}}}}}"
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
    "rows of aliases": "{" + " ".join(f"a{n}:{page_of(100)}" for n in range(15)) + "}",
    "rows of huge pages": "{a:" + page_of("9" * 5000) + " b:" + FULL_PAGE + " c:user {id}}",
    "lists in lists": "{item(id:" + "[" * 900 + "]" * 90 + "){id}}",
}
