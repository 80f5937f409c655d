"use strict";

const api = document.body.dataset.api;
const byId = (id) => document.getElementById(id);
const [state, enter, room, messages, participants] =
  ["state", "enter", "room", "messages", "participants"].map(byId);
const KEPT = 500;

let socket = null;
const present = new Map();

async function post(path, options) {
  const response = await fetch(api + path, { method: "POST", ...options });
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

async function join(form) {
  // The token stays in memory; only a ticket, good for one use, stands in a URL.
  const token = await post("/auth/token", {
    body: new URLSearchParams({ username: form.get("username"), password: form.get("password") }),
  });
  const headers = { Authorization: `Bearer ${token.access_token}` };
  const { ticket } = await post("/auth/ws-ticket", { headers });
  const url = new URL(`${api}/ws/${encodeURIComponent(form.get("room"))}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  url.searchParams.set("ticket", ticket);
  socket = new WebSocket(url);
  socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
  socket.addEventListener("open", () => show(true, form.get("room")));
  socket.addEventListener("close", (event) => {
    show(false, `left (${event.code}${event.reason && `: ${event.reason}`})`);
  });
}

function show(isInside, words) {
  state.textContent = words;
  state.classList.toggle("chip-live", isInside);
  room.hidden = !isInside;
  enter.hidden = byId("intro").hidden = isInside;
  if (isInside) byId("say").elements.text.focus();
  else messages.replaceChildren();
}

const handlers = {
  presence(envelope) {
    present.clear();
    for (const user of envelope.users) present.set(user.id, user.username);
  },
  join({ user }) {
    present.set(user.id, user.username);
    note(`${user.username} joined.`);
  },
  leave({ user }) {
    present.delete(user.id);
    note(`${user.username} left.`);
  },
  message({ user, at, text }) {
    const time = element("time", new Date(at).toLocaleTimeString(), { dateTime: at });
    add([element("span", user.username, { className: "who" }), time,
      element("span", text, { className: "text" })]);
  },
  error({ detail, errors }) {
    const words = errors.map((error) => `${error.pointer} ${error.message}.`);
    note([detail, ...words].join(" "), "aside wrong");
  },
};

function receive(envelope) {
  handlers[envelope.type]?.(envelope);
  participants.replaceChildren(...[...present.values()].map((name) => element("li", name)));
}

function note(words, className = "aside") {
  add([words], className);
}

function add(parts, className = "") {
  const line = element("li", "", { className });
  line.append(...parts);
  const atEnd = messages.scrollHeight - messages.scrollTop - messages.clientHeight < 40;
  messages.append(line);
  if (messages.childElementCount > KEPT) messages.firstElementChild.remove();
  if (atEnd) messages.scrollTop = messages.scrollHeight;
}

function element(name, words, properties = {}) {
  const made = Object.assign(document.createElement(name), properties);
  made.textContent = words;
  return made;
}

enter.addEventListener("submit", (event) => {
  event.preventDefault();
  state.textContent = "entering";
  join(new FormData(enter)).catch((error) => show(false, error.message));
});

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  socket.send(JSON.stringify({ type: "message", text: text.value }));
  text.value = "";
});

byId("leave").addEventListener("click", () => socket.close(1000));
