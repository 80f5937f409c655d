"use strict";

const { root, api } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const EXAMPLE = `# The button asks which of these to run; Ctrl-Enter runs
# the one that the cursor is in.
# The book on the left shows what else there is.

query Read {
  me { username role }
  items(first: 3) {
    edges {
      node { name price owner { username } }
    }
    pageInfo { hasNextPage endCursor }
  }
}

mutation Change {
  createItem(input: {name: "Stool", price: "49.00"}) {
    id
  }
}

subscription Follow {
  itemEvents { type item { name price } }
}
`;

// Here and nowhere else: what is in localStorage, every script of the origin could read.
let tokens = null;
let expiresAt = 0;

function keep(pair) {
  tokens = pair;
  expiresAt = Date.now() + (pair.expires_in - 5) * 1000;
}

async function call(path, options) {
  const response = await fetch(api + path, { method: "POST", ...options });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

async function signIn(form) {
  keep(await call("/auth/token", { body: new URLSearchParams(new FormData(form)) }));
  byId("state").textContent = form.elements.username.value;
  byId("state").classList.add("chip-live");
  document.body.classList.add("signed-in");
  byId("entrance").hidden = true;
  byId("leave").hidden = byId("workspace").hidden = false;
  const element = React.createElement(GraphiQL, { fetcher, defaultQuery: EXAMPLE, isHeadersEditorEnabled: false });
  ReactDOM.render(element, byId("graphiql"));
}

async function refresh() {
  const body = JSON.stringify({ refresh_token: tokens.refresh_token });
  keep(await call("/auth/refresh", { body, headers: { "Content-Type": "application/json" } }));
}

async function authorized(url, options) {
  const send = () => fetch(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${tokens.access_token}` } });
  const response = await send();
  if (response.status !== 401) return response;
  await refresh();
  return send();
}

// Sent with connection_init, because a browser sends no header field with a WebSocket.
async function connectionParams() {
  if (Date.now() > expiresAt) await refresh();
  return { Authorization: `Bearer ${tokens.access_token}` };
}

const fetcher = GraphiQL.createFetcher({
  url: `${root}/graphql`,
  fetch: authorized,
  wsClient: graphqlWs.createClient({ url: `${location.origin.replace("http", "ws")}${root}/graphql`, connectionParams }),
});

nameControls(byId("graphiql"), {
  ".graphiql-query-editor textarea": "Query",
  ".graphiql-editor-tool textarea": "Variables",
  ".result-window textarea": "Response",
});

byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  signIn(event.target).catch((error) => { byId("error-message").textContent = error.message; });
});

// With the page go the tokens; the session ends on the server as well.
byId("leave").addEventListener("click", async () => {
  await authorized(`${api}/auth/logout`, { method: "POST" });
  location.reload();
});
