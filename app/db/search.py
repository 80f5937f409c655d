"""Text search: the condition that a row matches a query. ADR 0028.

Text and query are split into words by the same PostgreSQL function, which the kernel's migration
creates.
"""

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    bindparam,
    case,
    false,
    func,
    literal_column,
    true,
)


def matches(text: str) -> ColumnElement[bool]:
    """Return the condition that a text has all words of the query `q`, as whole words or prefixes.

    Args:
        text: SQL expression of the text, the same as in the index on `search_lexemes(text)`.
    """
    searched = literal_column(text, String())
    question = bindparam("q", type_=String())
    # Decides most rows in a tenth of the time, which matters where PostgreSQL scans rows in their
    # order, and is exact where pairs of letters are not. As CASE, which is estimated at one half:
    # LIKE without statistics would be estimated at nothing.
    contains = func.search_folded(searched).like(func.all(func.search_patterns(question)))
    return and_(
        func.search_lexemes(searched).bool_op("@@")(func.search_question(question)),
        case((contains, true()), else_=false()),
    )
