"""The selected operation of a document (GraphQL, section 6.1)."""

from graphql import DocumentNode, OperationDefinitionNode

from app.features.graphql.limits import InvalidQuery


def chosen(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """The operation of that name, else the only one; strawberry would take the first of several.

    Raises:
        InvalidQuery: there is none, or nothing says which.
    """
    operations = [
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    ]
    meant = [each for each in operations if name is None or name_of(each) == name]
    if not meant:
        raise InvalidQuery("There is no such operation in the document.")
    if name is None and len(meant) > 1:
        raise InvalidQuery("Say by operationName which of the operations to execute.")
    return meant[0]


def name_of(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None
