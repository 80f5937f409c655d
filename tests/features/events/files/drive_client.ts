// Calls of a client that hey-api generated: one of each kind that programs make.
//
//   node drive.ts URL USERNAME PASSWORD
//
// It is checked by tsc together with the client, so that it also shows the types of the client.

import assert from "node:assert/strict";
import {
  createFile,
  createItem,
  createToken,
  exportItems,
  listItems,
  readFileContent,
  streamEvents,
  updateItem,
  type ItemRead,
  type ItemUpdatedEvent,
} from "reference-api-client";
import { createClient, type Client } from "reference-api-client/client";

const CONTENT = "The quick brown fox.";

async function main(baseUrl: string, username: string, password: string): Promise<void> {
  const client = await signIn(baseUrl, username, password);
  const [created, etag] = await create(client);
  const [again] = await create(client, "true");
  assert.deepEqual(again, created);
  const event = await receive(client, () => change(client, created, etag));
  assert.equal(event.data.price, "199.90");
  await find(client, created);
  await upload(client);
  await reject(client);
}

// Signs in, and exchanges the refresh token.
async function signIn(baseUrl: string, username: string, password: string): Promise<Client> {
  const client = createClient({ baseUrl });
  const pair = await createToken({ client, body: { username, password }, throwOnError: true });
  const { refresh_token } = pair.data;
  const body = { grant_type: "refresh_token", refresh_token } as const;
  const { data } = await createToken({ client, body, throwOnError: true });
  // Each operation accepts several kinds of credentials, and a request has one.
  client.setConfig({ auth: ({ scheme }) => (scheme === "bearer" ? data.access_token : undefined) });
  return client;
}

async function create(client: Client, replayed: string | null = null): Promise<[ItemRead, string]> {
  const body = { name: "Oak bench", price: "249.90", tags: ["typescript"] };
  const headers = { "Idempotency-Key": "typescript" };
  const { data, response } = await createItem({ client, body, headers, throwOnError: true });
  assert.equal(response.headers.get("Idempotency-Replayed"), replayed);
  return [data, response.headers.get("ETag") ?? ""];
}

// Changes an item on condition of its entity tag; the second time it is not current.
async function change(client: Client, { id }: ItemRead, etag: string): Promise<void> {
  const changed = { client, path: { item_id: id }, body: { price: "199.90" }, headers: { "If-Match": etag } };
  const { data } = await updateItem({ ...changed, throwOnError: true });
  assert.equal(data.price, "199.90");
  const { error } = await updateItem(changed);
  assert.equal(error?.code, "precondition_failed");
}

// Finds the item in a list and in the export.
async function find(client: Client, { id }: ItemRead): Promise<void> {
  const query = { tag: ["typescript"] };
  const { data: page } = await listItems({ client, query, throwOnError: true });
  assert.deepEqual(page.items.map((item) => item.id), [id]);
  const { data: lines } = await exportItems({ client, query, parseAs: "text", throwOnError: true });
  assert.ok(lines.includes(id));
}

async function upload(client: Client): Promise<void> {
  const file = new File([CONTENT], "fox.txt", { type: "text/plain" });
  const { data: stored } = await createFile({ client, body: { file }, throwOnError: true });
  const path = { file_id: stored.id };
  const { data: content } = await readFileContent({ client, path, parseAs: "blob", throwOnError: true });
  assert.equal(await content.text(), CONTENT);
}

// Violates two rules; each error has a pointer.
async function reject(client: Client): Promise<void> {
  const { error, response } = await createItem({ client, body: { name: "", price: "-1" } });
  assert.equal(response?.status, 422);
  const pointers = error?.errors?.map(({ pointer }) => pointer).sort();
  assert.deepEqual(pointers, ["/body/name", "/body/price"]);
}

// Opens the stream of events, makes the change, and returns its event.
async function receive(client: Client, makeChange: () => Promise<void>): Promise<ItemUpdatedEvent> {
  const connection = new AbortController();
  let changing: Promise<void> | undefined;
  // The first event has no data: it is the position at which the stream begins.
  const onSseEvent = (): void => void (changing ??= makeChange());
  const { stream } = await streamEvents({ client, onSseEvent, signal: connection.signal });
  for await (const event of stream) {
    if (event.type !== "item.updated") continue;
    connection.abort();
    await changing;
    return event;
  }
  throw new Error("The stream has ended.");
}

const [url = "", username = "", password = ""] = process.argv.slice(2);
await main(url, username, password);
