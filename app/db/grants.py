"""Grants of the service role: its privileges in a database that another role owns.

Applied after each migration, as the owner. See docs/adr/0025-one-credential-one-client.md.
"""

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from app.db.base import Base

# The second is that of background jobs.
SCHEMAS = ("public", "queue")
ROWS = "SELECT, INSERT, UPDATE, DELETE"
# In `info` of a table: the service adds rows, and neither changes nor deletes them.
APPEND_ONLY = "append_only"


def grant_service(connection: Connection, role: str) -> None:
    """Grant the role reading and writing of rows in every table, and nothing else.

    Default privileges include later tables. The owner keeps its tables: the role can neither
    alter them nor disable their triggers.
    """
    for statement in list(grants(connection, role)):
        connection.exec_driver_sql(statement)
    connection.commit()


def grants(connection: Connection, role: str) -> Iterator[str]:
    database = inspect(connection)
    name = connection.dialect.identifier_preparer.quote_identifier(role)
    for schema in sorted(set(SCHEMAS) & set(database.get_schema_names())):
        yield f"GRANT USAGE ON SCHEMA {schema} TO {name}"
        yield from table_grants(schema, name)
    yield f"REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {name}"
    for table in (table for table in Base.metadata.sorted_tables if table.info.get(APPEND_ONLY)):
        if database.has_table(table.name):
            yield f"REVOKE UPDATE, DELETE ON {table.name} FROM {name}"


def table_grants(schema: str, role: str) -> Iterator[str]:
    """Yield the grants for the objects of a schema, and for those created later."""
    later = f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema}"
    yield f"GRANT {ROWS} ON ALL TABLES IN SCHEMA {schema} TO {role}"
    yield f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    yield f"{later} GRANT {ROWS} ON TABLES TO {role}"
    yield f"{later} GRANT USAGE ON SEQUENCES TO {role}"
