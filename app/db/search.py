"""Text search: the condition that a row matches a question. ADR 0028.

Text and question are cut into words by the same function of PostgreSQL, which migration 0024 makes.
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
    """Return whether a text has all words of the question `q`, each of them possibly cut short.

    Args:
        text: SQL of the text, the same as in the index on `search_lexemes(text)`.
    """
    searched = literal_column(text, String())
    question = bindparam("q", type_=String())
    # Decides most rows in a tenth of the time, which counts where PostgreSQL walks them in their
    # order, and is exact where pairs of letters are not. As CASE, whose estimate is a half: that of
    # LIKE without statistics would be nothing.
    contains = func.search_folded(searched).like(func.all(func.search_patterns(question)))
    return and_(
        func.search_lexemes(searched).bool_op("@@")(func.search_question(question)),
        case((contains, true()), else_=false()),
    )
