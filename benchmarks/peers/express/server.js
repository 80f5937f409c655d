// Express over a pool of pg: SQL by hand, zod for bodies.

import { createSecretKey } from 'node:crypto';
import express from 'express';
import jwt from 'jsonwebtoken';
import pg from 'pg';
import { z } from 'zod';

const FIELDS = `id, created_at, updated_at, version, name, description, price, tax, tags,
  category_id, owner_id, processed_at`;
// Named statements are prepared once on each connection.
const USER = {
  name: 'user',
  text: 'SELECT id, role FROM users WHERE id = $1 AND is_active AND deleted_at IS NULL',
};
const ITEM = {
  name: 'item',
  text: `SELECT ${FIELDS} FROM items WHERE id = $1 AND deleted_at IS NULL`,
};
const ITEMS = {
  name: 'items',
  text: `SELECT ${FIELDS} FROM items WHERE owner_id = $1 AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT $2`,
};
const CREATE = {
  name: 'create',
  text: `INSERT INTO items (id, name, description, price, tax, tags, owner_id)
    VALUES (uuidv7(), $1, $2, $3, $4, $5, $6) RETURNING ${FIELDS}`,
};

const Money = z.string().regex(/^\d{1,5}(\.\d{1,2})?$/);
const ItemCreate = z
  .strictObject({
    name: z.string().min(1).max(100),
    description: z.string().max(500).nullish(),
    price: Money.refine((price) => Number(price) > 0),
    tax: Money.refine((tax) => Number(tax) <= 100).default('0'),
    tags: z.array(z.string().regex(/^[a-z0-9-]{1,30}$/)).max(20).default([]),
  })
  .refine(({ price, tax }) => Number(tax) <= Number(price) && Number(price) + Number(tax) <= 10000);
const Id = z.uuid();

// A key made once: with a string each verification would cost forty times as much.
const key = createSecretKey(Buffer.from(process.env.SECRET_KEY));
const rules = { algorithms: ['HS256'], issuer: 'https://api.example.com', audience: 'Reference API' };
const pool = new pg.Pool({
  connectionString: process.env.DATABASE_URL,
  max: Number(process.env.POOL_SIZE),
});

async function authenticate(request, response, next) {
  const [scheme, token] = (request.headers.authorization ?? '').split(' ');
  let claims;
  try {
    claims = jwt.verify(token, key, rules);
  } catch {
    return response.sendStatus(401);
  }
  const { rows } = await pool.query({ ...USER, values: [claims.sub] });
  if (scheme !== 'Bearer' || rows.length === 0) return response.sendStatus(401);
  request.user = rows[0];
  next();
}

const items = express.Router();
items.use(authenticate);

items.get('/:id', async (request, response) => {
  if (!Id.safeParse(request.params.id).success) return response.sendStatus(422);
  const { rows } = await pool.query({ ...ITEM, values: [request.params.id] });
  if (rows.length === 0) return response.sendStatus(404);
  if (rows[0].owner_id !== request.user.id && request.user.role !== 'admin') {
    return response.sendStatus(403);
  }
  response.json(rows[0]);
});

items.get('/', async (request, response) => {
  const limit = Number(request.query.limit ?? 20);
  const { rows } = await pool.query({ ...ITEMS, values: [request.user.id, limit] });
  response.json({ items: rows });
});

items.post('/', express.json(), async (request, response) => {
  const { success, data, error } = ItemCreate.safeParse(request.body);
  if (!success) return response.status(422).json({ errors: error.issues });
  const values = [data.name, data.description, data.price, data.tax, data.tags, request.user.id];
  const { rows } = await pool.query({ ...CREATE, values });
  response.status(201).json(rows[0]);
});

const app = express();
app.get('/version', (request, response) => {
  response.json({ name: 'Reference API', version: '0.1.0', environment: 'production' });
});
app.use('/api/v1/items', items);
app.listen(Number(process.env.PORT), '127.0.0.1');
