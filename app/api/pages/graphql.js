"use strict";

const { root, api } = document.body.dataset;
const byId = (id) => document.getElementById(id);
const [state, answer, ask] = ["state", "answer", "ask"].map(byId);
const SCHEMA = `{ __schema { types { name kind description
  fields { name args { name } type { name kind ofType { name kind } } }
  inputFields { name type { name kind ofType { name } } } } } }`;

let token = "";

async function signIn(form) {
  const response = await fetch(`${api}/auth/token`, {
    method: "POST",
    body: new URLSearchParams({ username: form.get("username"), password: form.get("password") }),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  token = body.access_token;
  state.textContent = form.get("username");
  state.classList.add("chip-live");
}

async function run(query, variables) {
  const response = await fetch(`${root}/graphql`, {
    method: "POST",
    headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  answer.textContent = JSON.stringify(await response.json(), null, 2);
}

function told(work) {
  work.catch((error) => { answer.textContent = error.message; });
}

byId("enter").addEventListener("submit", (event) => {
  event.preventDefault();
  told(signIn(new FormData(event.target)));
});

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  const { query, variables } = ask.elements;
  told((async () => run(query.value, JSON.parse(variables.value || "{}")))());
});

byId("schema").addEventListener("click", () => told(run(SCHEMA, {})));
