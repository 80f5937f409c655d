"""The selected operation of a document (GraphQL, section 6.1)."""

from graphql import DocumentNode, OperationDefinitionNode

from app.features.graphql.errors import InvalidQuery


def selected_operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation of that name, or the only one without a name.

    Strawberry would execute the first of several.

    Raises:
        InvalidQuery: there is no such operation, or several and no name.
    """
    operations = [
        each for each in document.definitions if isinstance(each, OperationDefinitionNode)
    ]
    matching = [each for each in operations if name is None or name_of(each) == name]
    if not matching:
        raise InvalidQuery("There is no such operation in the document.")
    if name is None and len(matching) > 1:
        raise InvalidQuery("Name the operation to execute in operationName.")
    return matching[0]


def name_of(operation: OperationDefinitionNode) -> str | None:
    return operation.name.value if operation.name else None
