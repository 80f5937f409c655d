// The tasks of the dashboard: what waits, runs and ended, and what can be done about it.

const LIMIT = 10;
const KINDS = { failed: "chip-bad", running: "chip-live" };
const ACTIONS = {
  failed: { name: "Retry", path: "/retry", method: "POST" },
  queued: { name: "Cancel", path: "", method: "DELETE" },
  running: { name: "Cancel", path: "", method: "DELETE" },
};
const TIME = { dateStyle: "short", timeStyle: "medium" };
const byId = (id) => document.getElementById(id);

// How to speak to the API, and the cursors of the pages up to the one that is shown.
let call = null;
let cursors = [""];
let next = null;
let latest = 0;

document.addEventListener("drawn", (event) => {
  call = event.detail;
  show();
});

document.addEventListener("left", () => {
  latest += 1;
  restart();
  byId("task-status").value = "";
  byId("task-rows").replaceChildren();
});

byId("task-status").addEventListener("change", () => {
  restart();
  show();
});
byId("older").addEventListener("click", () => turn([...cursors, next]));
byId("newer").addEventListener("click", () => turn(cursors.slice(0, -1)));

function restart() {
  cursors = [""];
  showError("");
}

function turn(pages) {
  cursors = pages;
  show();
}

function showError(text) {
  byId("task-error").textContent = text;
  byId("task-error").hidden = !text;
}

async function show() {
  const request = (latest += 1);
  const filters = { limit: LIMIT, status: byId("task-status").value, cursor: cursors.at(-1) };
  const given = Object.entries(filters).filter(([, value]) => value);
  const response = await call(`/tasks?${new URLSearchParams(given)}`);
  const body = await response.json();
  // A newer request has replaced this one.
  if (request !== latest) return;
  if (!response.ok) return showError(body.detail);
  render(body);
}

function render(page) {
  next = page.next_cursor;
  const focused = document.activeElement.closest("#task-rows tr")?.dataset.id;
  byId("task-rows").replaceChildren(...page.items.map(row));
  // The new row of the same task, so that an update does not take the keyboard's place away.
  if (focused) byId("task-rows").querySelector(`[data-id="${focused}"] button`)?.focus();
  byId("no-tasks").hidden = page.items.length > 0;
  byId("older").disabled = !next;
  byId("newer").disabled = cursors.length === 1;
}

function row(task) {
  const made = document.createElement("tr");
  made.dataset.status = task.status;
  made.dataset.id = task.id;
  cell(made, task.kind).title = task.id;
  made.insertCell().append(element("span", `chip ${KINDS[task.status] ?? ""}`, state(task)));
  cell(made, task.attempts);
  cell(made, new Date(task.created_at).toLocaleString([], TIME)).className = "when";
  cell(made, task.error ?? "").className = "error-text";
  cell(made, task.request_id).className = "request";
  made.insertCell().append(...actions(task));
  return made;
}

function state(task) {
  return task.status === "running" ? `${task.status}, ${task.progress} %` : task.status;
}

function cell(made, text) {
  const added = made.insertCell();
  added.textContent = text;
  return added;
}

function element(tag, className, textContent) {
  return Object.assign(document.createElement(tag), { className, textContent });
}

function actions(task) {
  const action = ACTIONS[task.status];
  if (!action) return [];
  const button = element("button", `again ${action.name.toLowerCase()}`, action.name);
  button.setAttribute("aria-label", `${action.name} ${task.kind} ${task.id}`);
  button.addEventListener("click", () => act(task, action));
  return [button];
}

async function act(task, action) {
  const response = await call(`/tasks/${task.id}${action.path}`, { method: action.method });
  showError(response.ok ? "" : `${task.kind}: ${(await response.json()).detail}`);
  await show();
}
