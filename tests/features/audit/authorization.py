"""Authorization table of the audit log, and a valid request of each operation."""

from tests.scenes import Authorization

TABLE = """
list_audit_entries        401        403 -     403 -     200 -
"""


authorization = Authorization(
    table=TABLE,
)
