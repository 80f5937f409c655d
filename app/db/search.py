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
    query = bindparam("q", type_=String())
    # LIKE rejects most rows in a tenth of the time of `@@`, which matters if PostgreSQL scans them
    # in sort order, and rejects rows that share only pairs of letters with the query. The planner
    # assumes that a CASE matches half of the rows, but that LIKE without statistics matches none.
    contains = func.search_folded(searched).like(func.all(func.search_patterns(query)))
    return and_(
        func.search_lexemes(searched).bool_op("@@")(func.search_query(query)),
        case((contains, true()), else_=false()),
    )
