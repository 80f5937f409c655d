"""Text search: the condition that a row matches a question. ADR 0028.

Text and question are cut into words by the same function of PostgreSQL, which migration 0024 makes.
"""

from sqlalchemy import ColumnElement, String, and_, bindparam, func, literal_column


def matches(text: str) -> ColumnElement[bool]:
    """Say whether a text has all words of the question `q`, each of them possibly cut short.

    Args:
        text: SQL of the text, the same as in the index on `search_lexemes(text)`.
    """
    searched = literal_column(text, String())
    question = bindparam("q", type_=String())
    return and_(
        func.search_lexemes(searched).bool_op("@@")(func.search_question(question)),
        # Decides a row in a tenth of the time, which counts where PostgreSQL walks the rows in
        # their order, and is exact where pairs of letters are not.
        func.search_contains(func.search_folded(searched), func.search_needles(question)),
    )
