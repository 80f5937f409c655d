// Apollo Client, urql and graphql-ws, set up as their manuals show, against a running service.
//
//   node clients.mjs URL TOKEN
//
// Each reads, creates an item and waits for one event. Prints one line of JSON for each result.

import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { SetContextLink } from "@apollo/client/link/context";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { Client, cacheExchange, fetchExchange, subscriptionExchange } from "@urql/core";
import { OperationTypeNode } from "graphql";
import { createClient } from "graphql-ws";
import { createHash } from "node:crypto";
import { WebSocket } from "ws";

// Apollo Client expects the one of browsers, which Node.js has from version 22.
globalThis.WebSocket ??= WebSocket;

const [url, token] = process.argv.slice(2);
const webSocket = { url: url.replace("http", "ws"), webSocketImpl: WebSocket };
const authorization = `Bearer ${token}`;

const READ = "query Read($first: Int!) { me { username role } items(first: $first) { totalCount } }";
const CREATE = "mutation Create($input: CreateItemInput!) { createItem(input: $input) { name price } }";
const FOLLOW = "subscription Follow { itemEvents { type item { name } } }";
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const variables = (name) => ({ input: { name, price: "1.50" } });

// The events of other clients come as well.
const isAwaited = ({ itemEvents }) => itemEvents.item.name === "Walnut desk";

function print(client, kind, value) {
  console.log(JSON.stringify({ client, kind, value }));
}

async function runApollo() {
  const socket = createClient({ ...webSocket, connectionParams: { Authorization: authorization } });
  const authorized = new SetContextLink(({ headers }) => ({ headers: { ...headers, authorization } }));
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    // It sends hashes of queries until it is told that they are not supported.
    ApolloLink.from([new PersistedQueryLink({ sha256 }), authorized, new HttpLink({ uri: url })]),
  );
  const client = new ApolloClient({ link, cache: new InMemoryCache() });
  const read = await client.query({ query: gql(READ), variables: { first: 1 } });
  print("apollo", "read", read.data.me);
  const created = await client.mutate({ mutation: gql(CREATE), variables: variables("of apollo") });
  print("apollo", "created", created.data.createItem.name);
  const subscription = client.subscribe({ query: gql(FOLLOW) }).subscribe(({ data, error }) => {
    if (error) throw error;
    if (!isAwaited(data)) return;
    print("apollo", "event", data.itemEvents.type);
    subscription.unsubscribe();
    socket.dispose();
  });
}

async function runUrql() {
  const socket = createClient({ ...webSocket, connectionParams: async () => ({ authorization }) });
  const client = new Client({
    url,
    fetchOptions: () => ({ headers: { authorization } }),
    exchanges: [
      cacheExchange,
      fetchExchange,
      subscriptionExchange({
        forwardSubscription: (request) => ({
          subscribe: (sink) => ({
            unsubscribe: socket.subscribe({ ...request, query: request.query ?? "" }, sink),
          }),
        }),
      }),
    ],
  });
  const read = await client.query(READ, { first: 1 }).toPromise();
  print("urql", "read", read.data.me);
  const created = await client.mutation(CREATE, variables("of urql")).toPromise();
  print("urql", "created", created.data.createItem.name);
  const subscription = client.subscription(FOLLOW, {}).subscribe(({ data, error }) => {
    if (error) throw error;
    if (!isAwaited(data)) return;
    print("urql", "event", data.itemEvents.type);
    subscription.unsubscribe();
    socket.dispose();
  });
}

// The first token has expired, as it may have when a page connects again.
async function runGraphqlWs() {
  const tokens = ["Bearer expired", authorization];
  const client = createClient({
    ...webSocket,
    connectionParams: () => ({ Authorization: tokens.shift() }),
    retryWait: async () => {},
    on: { closed: ({ code }) => code === 4403 && print("graphql-ws", "closed", code) },
  });
  for await (const { data } of client.iterate({ query: FOLLOW })) {
    if (!isAwaited(data)) continue;
    print("graphql-ws", "event", data.itemEvents.type);
    break;
  }
  client.dispose();
}

async function reportMissingCredential() {
  const client = createClient(webSocket);
  try {
    await client.iterate({ query: FOLLOW }).next();
  } catch ({ code }) {
    print("anonymous", "closed", code);
  }
}

await Promise.all([runApollo(), runUrql(), runGraphqlWs(), reportMissingCredential()]);
