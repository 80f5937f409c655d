"""Names of a resource: identifiers of its code, and words for its sentences."""

import re
from dataclasses import dataclass

IDENTIFIER = re.compile(r"[a-z]+(_[a-z0-9]+)*")
# Their plural ends in -es.
SIBILANT = re.compile(r"(s|x|z|ch|sh)$")
CONSONANT_AND_Y = re.compile(r"[^aeiou]y$")
# Singulars that end in s: address, status, analysis.
SINGULAR_IN_S = re.compile(r"(ss|us|is)$")
# A vowel that is spoken as `you` or `won`.
SPOKEN_AS_CONSONANT = re.compile(r"uni|use|eu|one")


@dataclass(frozen=True)
class Names:
    """The names of one resource, derived from its singular and plural in snake case."""

    singular: str
    plural: str

    @property
    def noun(self) -> str:
        return words(self.singular)

    @property
    def nouns(self) -> str:
        return words(self.plural)

    @property
    def title(self) -> str:
        return self.nouns.capitalize()

    @property
    def a_noun(self) -> str:
        return f"{article(self.noun)} {self.noun}"

    @property
    def a_singular(self) -> str:
        return f"{article(self.noun)}_{self.singular}"

    @property
    def model(self) -> str:
        return camel_case(self.singular)

    @property
    def models(self) -> str:
        return camel_case(self.plural)

    @property
    def constant(self) -> str:
        return self.plural.upper()

    @property
    def path(self) -> str:
        return self.plural.replace("_", "-")


def words(name: str) -> str:
    return name.replace("_", " ")


def camel_case(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def article(noun: str) -> str:
    return "an" if noun[0] in "aeiou" and not SPOKEN_AS_CONSONANT.match(noun) else "a"


def plural_of(singular: str) -> str:
    """Return the regular plural: invoices, boxes, companies."""
    if CONSONANT_AND_Y.search(singular):
        return f"{singular[:-1]}ies"
    if singular.endswith("is"):
        return f"{singular[:-2]}es"
    return f"{singular}es" if SIBILANT.search(singular) else f"{singular}s"


def is_probably_plural(name: str) -> bool:
    return name.endswith("s") and not SINGULAR_IN_S.search(name)
