"""Arguments of `app new resource`: each mistake is one sentence with the remedy."""

from pathlib import Path

import pytest

from app.config.settings import ConfigError
from app.devtools.naming import RETIRED
from app.devtools.new.arguments import Options, resource_of
from app.devtools.new.names import Names, article, plural_of
from app.devtools.new.specification import FieldSpec, parse

ROOT = Path(__file__).parents[3]
RETIRED_WORDS = RETIRED.split("|")
# A name that no project gives to a resource of its own.
SINGULAR = "template_specimen"
FIELDS = ["number:str"]


def rejected(
    singular: str = SINGULAR, fields: list[str] | None = None, options: Options | None = None
) -> list[str]:
    with pytest.raises(ConfigError) as error:
        resource_of(ROOT, singular, FIELDS if fields is None else fields, options or Options())
    return str(error.value).splitlines()


class TestFields:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("number:str", FieldSpec("number", "str")),
            ("due:date?", FieldSpec("due", "date", is_optional=True)),
            ("tags:str[]", FieldSpec("tags", "str", is_list=True)),
            ("status:enum(draft,sent)", FieldSpec("status", "enum", ("draft", "sent"))),
            (
                "status:enum(draft, sent)?",
                FieldSpec("status", "enum", ("draft", "sent"), False, True),
            ),
            ("modes:enum(air,sea)[]", FieldSpec("modes", "enum", ("air", "sea"), True)),
            ("customer:ref(users)", FieldSpec("customer", "ref", ("users",))),
        ],
    )
    def test_each_form_is_parsed(self, text: str, expected: FieldSpec) -> None:
        assert parse(text) == expected

    @pytest.mark.parametrize("text", ["number", "number:", ":str", "a b", "a:str!", "a:enum(b"])
    def test_other_form_is_rejected(self, text: str) -> None:
        (found,) = rejected(fields=[text])

        assert found.startswith(f"{text} is no field: write name:type")

    @pytest.mark.parametrize(
        ("text", "sentence"),
        [
            ("a:float", "a: there is no type float; the types are str, text, int,"),
            ("a:list[]", "a: there is no type list;"),
            ("a:money[]", "a: a list is of str, int, uuid, enum: leave out the []."),
            ("a:str[]?", "a: a list is empty and never null: leave out the ?."),
            ("a:int(3)", "a: int has no arguments: leave out the parentheses."),
            ("a:enum", "a: name at least two different values"),
            ("a:enum(b)", "a: name at least two different values"),
            ("a:enum(b,b)", "a: name at least two different values"),
            ("a:enum(b,C)", "a: write values in snake case, of up to 30 characters."),
            (f"a:enum(b,{'c' * 31})", "a: write values in snake case, of up to 30 characters."),
            ("a:ref", "a: name the feature that it refers to, such as ref(users)."),
            ("a:ref()", "There is no feature  with a table : refer to one that has it."),
            ("a:ref(nothings)", "There is no feature nothings with a table nothings:"),
            ("a:ref(auth)", "There is no feature auth with a table auth:"),
            ("Number:str", "Number is not a name in snake case:"),
            ("number:int", "number is the column of 2 fields: leave one out, or rename it."),
            ("id:uuid", "id is a column that tables have without it: leave it out."),
            ("version:int", "version is a column that tables have without it: leave it out."),
            ("created_at:datetime", "created_at is a column that tables have without it:"),
            ("owner:ref(users)", "owner is a parameter of functions that get the fields:"),
            ("sort:enum(a,b)", "sort is a parameter of functions that get the fields:"),
            ("request_id:str", "request_id is a parameter of functions that get the fields:"),
            ("class:str", "class is a name of Python, Pydantic or SQLAlchemy:"),
            ("type:str", "type is a name of Python, Pydantic or SQLAlchemy:"),
            ("date:date", "date is a name of Python, Pydantic or SQLAlchemy:"),
            ("json:str", "json is a name of Python, Pydantic or SQLAlchemy:"),
            ("metadata:json", "metadata is a name of Python, Pydantic or SQLAlchemy:"),
            ("model_name:str", "model_name is a name of Python, Pydantic or SQLAlchemy:"),
            ("timeout:int", "timeout is a number without a unit: name it, as in timeout_seconds."),
            ("size:int", "size is a number without a unit: name it, as in size_bytes."),
            ("started_at:int", "started_at is called like a time: make it started_at:datetime"),
            (f"{RETIRED_WORDS[0]}:str", f"{RETIRED_WORDS[0]} is a word that this project avoids:"),
            (f"a:enum(b,{RETIRED_WORDS[0]})", f"{RETIRED_WORDS[0]} is a word that this project"),
            ("n" * 31 + ":text", "n" * 31 + " is longer than 30 characters: shorten it."),
        ],
    )
    def test_mistake_is_named_with_its_remedy(self, text: str, sentence: str) -> None:
        (found,) = rejected(fields=[*FIELDS, text])

        assert found.startswith(sentence)
        assert found.endswith(".")

    def test_every_mistake_is_named_at_once(self) -> None:
        assert (
            len(rejected("specimens", ["a:float", "b", "id:uuid"], Options(owned_by="team"))) == 5
        )

    @pytest.mark.parametrize("fields", [[], [f"f{n}:str" for n in range(21)]])
    def test_number_of_fields_is_bounded(self, fields: list[str]) -> None:
        assert rejected(fields=fields)[0].startswith("Give 1 to 20 fields")

    def test_constraints_have_names_that_postgresql_does_not_cut(self) -> None:
        field = f"{'n' * 30}:money"

        (found,) = rejected("p" * 20, fields=[field])

        assert found.startswith(f"ck_{'p' * 20}s_{'n' * 30}_is_not_negative would be too long")

    def test_reserved_word_of_sql_is_quoted(self) -> None:
        resource = resource_of(ROOT, SINGULAR, ["group:money", "order:int"], Options())

        assert resource.checks == [("group_is_not_negative", '"group" >= 0')]


class TestNames:
    @pytest.mark.parametrize(
        ("singular", "plural"),
        [
            ("invoice", "invoices"),
            ("company", "companies"),
            ("day", "days"),
            ("box", "boxes"),
            ("branch", "branches"),
            ("address", "addresses"),
            ("status", "statuses"),
            ("analysis", "analyses"),
            ("purchase_order", "purchase_orders"),
        ],
    )
    def test_plural_is_regular(self, singular: str, plural: str) -> None:
        assert plural_of(singular) == plural

    @pytest.mark.parametrize(
        ("noun", "expected"), [("invoice", "an"), ("unit", "a"), ("event", "an"), ("parcel", "a")]
    )
    def test_article_follows_the_sound(self, noun: str, expected: str) -> None:
        assert article(noun) == expected

    def test_each_kind_of_name_is_derived(self) -> None:
        names = Names("purchase_order", "purchase_orders")

        assert (names.noun, names.title, names.model) == (
            "purchase order",
            "Purchase orders",
            "PurchaseOrder",
        )
        assert (names.path, names.constant) == ("purchase-orders", "PURCHASE_ORDERS")

    @pytest.mark.parametrize(
        ("singular", "plural", "sentence"),
        [
            ("Specimen", "", "Specimen is not a name in snake case:"),
            ("specimens", "", "specimens seems to be a plural: give the singular"),
            ("sheep", "sheep", "sheep is its own plural: give --plural sheep_items."),
            ("test_result", "", "pytest takes test_result for a test: choose a name that"),
            ("import", "", "import is a name of Python: choose another one."),
            (SINGULAR, "select", "select is a reserved word of SQL: give another --plural."),
            ("service", "", "services says nothing about its content: choose another name."),
            (
                SINGULAR,
                "p" * 25,
                "ppppppppppppppppppppppppp is too long: give a --plural of up to 24",
            ),
            (RETIRED_WORDS[0], "", f"{RETIRED_WORDS[0]} is a word that this project avoids"),
            ("item", "", "items is the name of app/features/items: choose another name, or"),
            ("factory", "", "factories is the name of tests/"),
            ("user_session", "sessions", "sessions is the name of app/features/users/"),
            ("idempotency_key", "", "There is a table idempotency_keys: choose another name"),
            ("item", "goods", "There is a path parameter item_id in the API:"),
            ("request", "", "request is a name that the generated code uses: choose another one."),
            ("principal", "", "Principal is a name that the generated code uses:"),
        ],
    )
    def test_mistake_is_named_with_its_remedy(
        self, singular: str, plural: str, sentence: str
    ) -> None:
        found = rejected(singular, options=Options(plural=plural))

        assert any(each.startswith(sentence) for each in found), found
        assert all(each.endswith(".") for each in found)


class TestOptions:
    def test_only_a_user_owns_rows(self) -> None:
        assert rejected(options=Options(owned_by="team")) == [
            "Only a user owns rows: give --owned-by user instead of team."
        ]

    def test_soft_delete_needs_deletion(self) -> None:
        assert rejected(options=Options(soft_delete=True, deletable=False)) == [
            "--soft-delete and --no-delete exclude each other: leave one out."
        ]


class TestReferences:
    def test_requirements_are_the_features_that_the_code_imports(self) -> None:
        fields = ["amount:money", "category:ref(categories)", "customer:ref(users)"]

        resource = resource_of(ROOT, SINGULAR, fields, Options(owned_by="user"))

        assert resource.requires == ["categories", "items", "users"]
        assert [field.column for field in resource.references] == ["category_id", "customer_id"]

    def test_target_without_a_factory_is_rejected(self, tmp_path: Path) -> None:
        models = tmp_path / "app/features/lockers/models.py"
        models.parent.mkdir(parents=True)
        models.write_text('class Locker:\n    __tablename__ = "lockers"\n', encoding="utf-8")
        (tmp_path / "docs").mkdir()
        document = '{"paths": {}, "tags": [], "components": {"schemas": {}}}'
        (tmp_path / "docs/openapi.json").write_text(document, encoding="utf-8")

        with pytest.raises(
            ConfigError, match=r"no factory for lockers: write make_locker\(owner\)"
        ):
            resource_of(tmp_path, SINGULAR, ["locker:ref(lockers)"], Options())
