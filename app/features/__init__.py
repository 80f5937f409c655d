"""The features of the service, in mounting order: those with the most requests come first.

Redis and the replica come before them: they replace parts of the kernel that others open.
"""

FEATURES = (
    "redis",
    "replica",
    "items",
    "auth",
    "posts",
    "categories",
    "files",
    "users",
    "dashboard",
    "tasks",
    "notifications",
    "api_keys",
    "audit",
    "events",
    "rooms",
    "external",
    "webhooks",
    "graphql",
    "streams",
    "mail",
    "http_client",
    "backup",
)
