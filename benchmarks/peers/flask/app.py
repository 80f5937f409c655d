"""Flask over a psycopg pool: SQL by hand, threads."""

from functools import wraps

import jwt
from contract import DATABASE_URL, FIELDS, POOL_SIZE, VERSION, ItemCreate, subject_of
from flask import Flask, abort, g, jsonify, request
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool
from pydantic import ValidationError

USER = "SELECT id, role FROM users WHERE id = %s AND is_active AND deleted_at IS NULL"
ITEM = f"SELECT {FIELDS} FROM items WHERE id = %s AND deleted_at IS NULL"
ITEMS = (
    f"SELECT {FIELDS} FROM items WHERE owner_id = %s AND deleted_at IS NULL "
    "ORDER BY created_at DESC, id DESC LIMIT %s"
)
CREATE = (
    "INSERT INTO items (id, name, description, price, tax, tags, owner_id) "
    f"VALUES (uuidv7(), %s, %s, %s, %s, %s, %s) RETURNING {FIELDS}"
)

app = Flask(__name__)
pool = ConnectionPool(
    DATABASE_URL,
    min_size=POOL_SIZE,
    max_size=POOL_SIZE,
    kwargs={"row_factory": dict_row, "autocommit": True},
    open=True,
)


def signed_in(view):
    """Give the view a connection, and the user of the token as g.user."""

    @wraps(view)
    def wrapper(*args, **kwargs):
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        try:
            subject = subject_of(token)
        except jwt.InvalidTokenError:
            abort(401)
        with pool.connection() as g.connection:
            g.user = g.connection.execute(USER, (subject,)).fetchone()
            if g.user is None or scheme != "Bearer":
                abort(401)
            return view(*args, **kwargs)

    return wrapper


@app.get("/version")
def read_version():
    return jsonify(VERSION)


@app.get("/api/v1/items/<uuid:item_id>")
@signed_in
def read_item(item_id):
    item = g.connection.execute(ITEM, (item_id,)).fetchone()
    if item is None:
        abort(404)
    if item["owner_id"] != g.user["id"] and g.user["role"] != "admin":
        abort(403)
    return jsonify(item)


@app.get("/api/v1/items")
@signed_in
def list_items():
    limit = request.args.get("limit", 20, type=int)
    return jsonify(items=g.connection.execute(ITEMS, (g.user["id"], limit)).fetchall())


@app.post("/api/v1/items")
@signed_in
def create_item():
    try:
        data = ItemCreate.model_validate_json(request.get_data())
    except ValidationError as error:
        return jsonify(error.errors(include_url=False, include_context=False)), 422
    values = (data.name, data.description, data.price, data.tax, data.tags, g.user["id"])
    return jsonify(g.connection.execute(CREATE, values).fetchone()), 201
