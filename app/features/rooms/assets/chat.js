"use strict";

const api = document.body.dataset.api;
const byId = (id) => document.getElementById(id);
const [state, enter, room, messages, participants] =
  ["state", "enter", "room", "messages", "participants"].map(byId);
const KEPT = 500;

// In memory: every script of the origin could read them in localStorage.
let tokens = null;
let name = "";
let socket = null;
let attempt = 0;
let hasLeft = false;
const present = new Map();

async function post(path, options) {
  const response = await fetch(api + path, { method: "POST", ...options });
  const body = await response.json();
  if (!response.ok) throw Object.assign(new Error(body.detail), { status: response.status });
  return body;
}

async function requestTokens(form) {
  tokens = await post("/auth/token", { body: new URLSearchParams(form) });
}

async function requestTicket() {
  const headers = { Authorization: `Bearer ${tokens.access_token}` };
  return (await post("/auth/ws-ticket", { headers })).ticket;
}

// Replaces the access token if it has expired.
async function newTicket() {
  try {
    return await requestTicket();
  } catch (error) {
    if (error.status !== 401) throw error;
    await requestTokens({ grant_type: "refresh_token", refresh_token: tokens.refresh_token });
    return requestTicket();
  }
}

async function join() {
  const url = new URL(`${api}/ws/${encodeURIComponent(name)}`, location.href);
  url.protocol = url.protocol.replace("http", "ws");
  // Only a ticket, good for one use, stands in a URL.
  url.searchParams.set("ticket", await newTicket());
  socket = new WebSocket(url);
  socket.addEventListener("message", (event) => receive(JSON.parse(event.data)));
  socket.addEventListener("open", () => {
    attempt = 0;
    byId("title").textContent = name;
    show(true, "connected");
  });
  socket.addEventListener("close", (event) => {
    if (hasLeft) show(false, `left (${event.code}${event.reason && `: ${event.reason}`})`);
    else rejoin();
  });
}

// After a pause of up to half a minute, a random one, so that not all clients return at once.
async function rejoin() {
  state.textContent = "connecting again";
  state.classList.remove("chip-live");
  const longest = Math.min(30_000, 1000 * 2 ** attempt);
  attempt += 1;
  await new Promise((resolve) => setTimeout(resolve, longest * (0.5 + Math.random() / 2)));
  join().catch((error) => {
    // The session has ended: the password is needed again.
    if (error.status === 400 || error.status === 401) show(false, error.message);
    else rejoin();
  });
}

function show(isInside, words) {
  state.textContent = words;
  state.classList.toggle("chip-live", isInside);
  room.hidden = !isInside;
  enter.hidden = byId("intro").hidden = isInside;
  if (!isInside) messages.replaceChildren();
  (isInside ? byId("say").elements.text : enter.elements.password).focus();
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
  hasLeft = false;
  const { username, password, room: chosen } = Object.fromEntries(new FormData(enter));
  name = chosen;
  requestTokens({ username, password }).then(join).catch((error) => show(false, error.message));
});

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  // A socket that is not open drops what is sent: the text stays until it is connected again.
  if (socket.readyState !== WebSocket.OPEN) return;
  const { text } = event.target.elements;
  socket.send(JSON.stringify({ type: "message", text: text.value }));
  text.value = "";
});

byId("leave").addEventListener("click", () => {
  hasLeft = true;
  socket.close(1000);
});
