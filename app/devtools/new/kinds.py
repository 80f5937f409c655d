"""Types of fields: how each is stored, sent and returned, with values for tests."""

from dataclasses import dataclass

MAX_ITEMS = 20


@dataclass(frozen=True)
class Kind:
    """One type of the command line; all values are Python source.

    Of the table: `stored` is the type of an attribute, `column` that of its column in the model if
    the attribute does not imply it, and `migrated` that in the migration. Of the API: `request` has
    the bounds of a request, `response` and `bounds` those of a response. Of the tests: two valid
    values, in which LABEL stands for the name of the field, and an invalid one with its error code.
    """

    stored: str
    column: str
    migrated: str
    request: str
    response: str
    bounds: str
    valid: str
    another: str
    invalid: str
    code: str
    described: str = ""
    """What a client has to know of the bounds."""
    is_sortable: bool = False


INT_BOUNDS = "ge=-(2**31), le=2**31 - 1"
KINDS = {
    "str": Kind(
        stored="str",
        column="String(100)",
        migrated="sa.String(length=100)",
        request="Annotated[Storable, Field(min_length=1, max_length=100, {examples}), LINE]",
        response="str",
        bounds="max_length=100",
        valid='"LABEL 1"',
        another='"LABEL 2"',
        invalid="7",
        code="string_type",
        described=", 1 to 100 characters on one line",
        is_sortable=True,
    ),
    "text": Kind(
        stored="str",
        column="String(10_000)",
        migrated="sa.String(length=10_000)",
        request="Annotated[Storable, Field(max_length=10_000, {examples}), TEXT]",
        response="str",
        bounds="max_length=10_000",
        valid='"LABEL:\\n1"',
        another='"LABEL:\\n2"',
        invalid="7",
        code="string_type",
        described=", up to 10,000 characters",
    ),
    "int": Kind(
        stored="int",
        column="",
        migrated="sa.Integer()",
        request=f"Annotated[int, Field({INT_BOUNDS}, {{examples}})]",
        response="int",
        bounds=INT_BOUNDS,
        valid="7",
        another="8",
        invalid='"7"',
        code="int_type",
        is_sortable=True,
    ),
    "money": Kind(
        stored="Decimal",
        column="Numeric(7, 2)",
        migrated="sa.Numeric(precision=7, scale=2)",
        request='Annotated[Money, Field(ge=0, le=Decimal("99999.99")), PLAIN, TWO_PLACES]',
        response="MoneyRead",
        bounds="",
        valid='"899.00"',
        another='"49.90"',
        invalid='"-1.00"',
        code="greater_than_equal",
        described=" in euros, with up to two decimal places: 0 to 99999.99",
        is_sortable=True,
    ),
    "bool": Kind(
        stored="bool",
        column="",
        migrated="sa.Boolean()",
        request="Annotated[bool, Field({examples})]",
        response="bool",
        bounds="",
        valid="True",
        another="False",
        invalid='"yes"',
        code="bool_type",
    ),
    "date": Kind(
        stored="date",
        column="",
        migrated="sa.Date()",
        request="Date",
        response="date",
        bounds="",
        valid='"2027-01-31"',
        another='"2027-02-28"',
        invalid='"31.01.2027"',
        code="date_format",
    ),
    "datetime": Kind(
        stored="datetime",
        column="",
        migrated="TIMESTAMP",
        request=(
            "Annotated[AwareDatetime, Field(strict=False, ge=EARLIEST, le=LATEST), "
            "BeforeValidator(rfc_3339), IN_UTC]"
        ),
        response="datetime",
        bounds="",
        valid='"2027-01-31T12:00:00Z"',
        another='"2027-02-28T12:00:00Z"',
        invalid='"2027-01-31"',
        code="datetime_format",
        described=", from 1900 to 2199",
        is_sortable=True,
    ),
    "uuid": Kind(
        stored="uuid.UUID",
        column="",
        migrated="sa.Uuid()",
        request="Id",
        response="uuid.UUID",
        bounds="",
        valid='"0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a58"',
        another='"0198f3c2-7d5e-7a41-9b0c-3f6f1d2e4a59"',
        invalid='"x"',
        code="uuid_parsing",
    ),
    "json": Kind(
        stored="dict[str, Any]",
        column="",
        migrated="postgresql.JSONB()",
        request=(
            "Annotated[dict[JsonName, Any], Field(max_length=1000, {examples}), "
            "AfterValidator(storable_json)]"
        ),
        response="JsonRead",
        bounds="",
        valid='{"colour": "green", "drawers": [{"height": 1.5, "open": None}]}',
        another='{"colour": {"outside": "red"}, "drawers": []}',
        invalid="[]",
        code="dict_type",
        described=": any JSON object of up to 10,000 bytes",
    ),
}
# What differs in a list.
ITEM_COLUMNS = {"str": "String(100)", "int": "Integer", "uuid": "Uuid", "enum": "String(30)"}
ITEM_RESPONSES = {
    "str": "Annotated[str, Field(max_length=100)]",
    "int": f"Annotated[int, Field({INT_BOUNDS})]",
}
