"""The plans of every list query over a million items: none may read the whole table.

    python -m benchmarks.plans [ROWS]

Starts a PostgreSQL of its own, fills it, and prints for each filter, sort and kind of
page how PostgreSQL answers it and how long that takes. Exits with 1 on a sequential scan.
"""

import asyncio
import json
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

from app.config.settings import Settings
from app.db import migrations
from app.db.engine import connect
from app.db.executor import CompiledStatement
from app.db.listing import PageRequest, Shape
from app.devtools.postgres import embedded_postgres
from app.features.items import crud as items

ROWS = 1_000_000
FILL = """
INSERT INTO users (id, email, email_canonical, username, username_canonical, password_hash,
                   role, is_active, email_verified)
SELECT uuidv7(), n || '@example.com', n || '@example.com', 'u' || n, 'u' || n, '',
       'user', true, true
FROM generate_series(1, 1000) n;
INSERT INTO categories (id, name, name_canonical)
SELECT uuidv7(), 'c' || n, 'c' || n FROM generate_series(1, 100) n;
"""
FILL_ITEMS = """
WITH owner AS (SELECT array_agg(id) AS ids FROM users),
     category AS (SELECT array_agg(id) AS ids FROM categories)
INSERT INTO items (id, name, description, price, tags, owner_id, category_id, created_at)
SELECT uuidv7(), (ARRAY['desk', 'chair', 'lamp'])[random(1, 3)] || ' ' || md5(n::text),
       'made of ' || (ARRAY['oak', 'walnut', 'brass', 'linen', 'wool'])[random(1, 5)],
       random(1, 9000), ARRAY['tag-' || random(1, 200), (ARRAY['wood', 'metal'])[random(1, 2)]],
       owner.ids[random(1, 1000)], category.ids[random(1, 100)], now() - n * interval '1 second'
FROM generate_series(1, $1::int) n, owner, category
"""
SORTS = [("-created_at",), ("created_at",), ("name",), ("-price",), ("price", "-name")]


def main() -> int:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded_postgres(Path(folder) / "postgres", durable=False) as url,
    ):
        migrations.upgrade(url)
        return asyncio.run(explain_all(url, rows))


async def explain_all(url: str, rows: int) -> int:
    settings = Settings(_env_file=None, database_command_timeout_seconds=600)
    connection = await connect(settings, url)
    await connection.execute(FILL)
    await connection.execute(FILL_ITEMS, rows)
    await connection.execute("VACUUM ANALYZE")
    print(f"{rows:,} items\n\n| list | plan | ms |\n|---|---|--:|")
    scans = [
        await explain(connection, label, query, values)
        for label, query, values in await queries(connection)
    ]
    await connection.close()
    return int(any(scans))


async def queries(
    connection: asyncpg.Connection,
) -> list[tuple[str, CompiledStatement[Any], dict[str, Any]]]:
    owner: uuid.UUID = await connection.fetchval("SELECT owner_id FROM items LIMIT 1")
    category: uuid.UUID = await connection.fetchval("SELECT category_id FROM items LIMIT 1")
    rare = await connection.fetchval("SELECT split_part(name, ' ', 2) FROM items LIMIT 1")
    filters: dict[str, Mapping[str, Any]] = {
        "all": {},
        "tag": {"tag": ["tag-7"]},
        "two tags": {"tag": ["tag-7", "wood"]},
        "owner_id": {"owner_id": owner},
        "category_id": {"category_id": category},
        "q (frequent word)": {"q": "walnut"},
        "q (frequent beginning)": {"q": "waln"},
        "q (rare word)": {"q": rare},
        "price range": {"min_price": Decimal(500), "max_price": Decimal(501)},
    }
    return [each for name, values in filters.items() for each in pages(name, values)]


def pages(
    name: str, values: Mapping[str, Any]
) -> Iterator[tuple[str, CompiledStatement[Any], dict[str, Any]]]:
    names = frozenset(values) & frozenset(items.LISTING.filters)
    for sort in SORTS:
        for is_continued in (False, True):
            shape = Shape(names, sort, is_continued, PageRequest().limit, has_skip=False)
            after = {"created_at": "2026-01-01T00:00:00+00:00", "name": "desk 8", "price": "4500"}
            key = [after[field.lstrip("-")] for field in sort] + [str(uuid.UUID(int=0))]
            bound = items.LISTING.key_values(sort, tuple(key)) if is_continued else {}
            place = "a page behind" if is_continued else "first page"
            yield (
                f"{name}, sort={','.join(sort)}, {place}",
                items.LISTING.page_query(shape),
                {**values, **bound},
            )


async def explain(
    connection: asyncpg.Connection,
    label: str,
    query: CompiledStatement[Any],
    values: dict[str, Any],
) -> bool:
    """Print the plan; say whether it reads the whole table."""
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {query.sql}"
    text = await connection.fetchval(statement, *query.arguments(values))
    (response,) = json.loads(text)
    nodes = list(walk(response["Plan"]))
    is_scan = "Seq Scan on items" in nodes
    plan = " < ".join(nodes) + (" (!)" if is_scan else "")
    print(f"| {label} | {plan} | {response['Execution Time']:.2f} |")
    return is_scan


def walk(plan: dict[str, Any]) -> Iterator[str]:
    on = plan.get("Index Name") or plan.get("Relation Name")
    yield f"{plan['Node Type']} on {on}" if on else plan["Node Type"]
    for child in plan.get("Plans", ()):
        yield from walk(child)


if __name__ == "__main__":
    sys.exit(main())
